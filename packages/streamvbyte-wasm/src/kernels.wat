;; The inner loops. What moves bytes is i8x16.swizzle: the codes of four integers (1234) or of two
;; (1248) choose a row of 16 indices from a table, which spreads packed bytes over the integers or
;; gathers them; an index of 16 or more gives 0.
;;
;; Tables, filled by kernels.ts:
;;      0  rows that decode four integers of form 1234, by a byte of codes
;;   4096  rows that encode them
;;   8192  bytes that four integers of form 1234 take together, by a byte of codes
;;   8448  rows that decode two integers of form 1248, by half a byte of codes
;;   8704  rows that encode them
;;   8960  bytes that two integers of form 1248 take together, by half a byte of codes
;;
;; All arguments are addresses. There is at least one byte of codes, each for four integers. Up to
;; 16 bytes past the end of codes and of values are read or written. Nothing is checked here: what
;; the caller's regions can't hold must not be asked for.
(module
  (memory (export "memory") 3 3)

  ;; Bytes of values that all codes together ask for.
  (func (export "measure1234") (param $codes i32) (param $end i32) (result i32)
    (local $size i64) (local $word i64)
    (i64.store (local.get $end) (i64.const 0))
    (local.set $size
      (i64.extend_i32_u (i32.shl (i32.sub (local.get $end) (local.get $codes)) (i32.const 2))))
    (loop $next
      (local.set $word (i64.load (local.get $codes)))
      (local.set $size
        (i64.add
          (local.get $size)
          (i64.add
            (i64.popcnt (local.get $word))
            (i64.popcnt (i64.and (local.get $word) (i64.const 0xaaaaaaaaaaaaaaaa))))))
      (br_if $next
        (i32.lt_u
          (local.tee $codes (i32.add (local.get $codes) (i32.const 8)))
          (local.get $end))))
    (i32.wrap_i64 (local.get $size)))

  ;; As above. Beyond its first byte, an integer has 1 for the low bit of its code, 3 for the high
  ;; bit, and 3 more for both.
  (func (export "measure1248") (param $codes i32) (param $end i32) (result i32)
    (local $size i64) (local $word i64) (local $low i64) (local $high i64)
    (i64.store (local.get $end) (i64.const 0))
    (local.set $size
      (i64.extend_i32_u (i32.shl (i32.sub (local.get $end) (local.get $codes)) (i32.const 2))))
    (loop $next
      (local.set $word (i64.load (local.get $codes)))
      (local.set $low (i64.and (local.get $word) (i64.const 0x5555555555555555)))
      (local.set $high
        (i64.and (i64.shr_u (local.get $word) (i64.const 1)) (i64.const 0x5555555555555555)))
      (local.set $size
        (i64.add
          (i64.add (local.get $size) (i64.popcnt (local.get $low)))
          (i64.mul
            (i64.const 3)
            (i64.add
              (i64.popcnt (local.get $high))
              (i64.popcnt (i64.and (local.get $low) (local.get $high)))))))
      (br_if $next
        (i32.lt_u
          (local.tee $codes (i32.add (local.get $codes) (i32.const 8)))
          (local.get $end))))
    (i32.wrap_i64 (local.get $size)))

  (func (export "decode1234")
    (param $codes i32) (param $end i32) (param $values i32) (param $integers i32)
    (local $code i32)
    (loop $next
      (local.set $code (i32.load8_u (local.get $codes)))
      (v128.store
        (local.get $integers)
        (i8x16.swizzle
          (v128.load (local.get $values))
          (v128.load (i32.shl (local.get $code) (i32.const 4)))))
      (local.set $values
        (i32.add (local.get $values) (i32.load8_u offset=8192 (local.get $code))))
      (local.set $integers (i32.add (local.get $integers) (i32.const 16)))
      (br_if $next
        (i32.lt_u
          (local.tee $codes (i32.add (local.get $codes) (i32.const 1)))
          (local.get $end)))))

  ;; Returns the end of the values. To pack four codes of 32 bits each into a byte, a product shifts
  ;; each of them to its place in the highest byte; nothing else that it makes reaches so far.
  (func (export "encode1234")
    (param $codes i32) (param $end i32) (param $values i32) (param $integers i32) (result i32)
    (local $four v128) (local $pack v128) (local $code i32)
    (loop $next
      (local.set $four (v128.load (local.get $integers)))
      (local.set $pack
        (i32x4.neg
          (i32x4.add
            (i32x4.add
              (i32x4.gt_u (local.get $four) (v128.const i32x4 0xff 0xff 0xff 0xff))
              (i32x4.gt_u (local.get $four) (v128.const i32x4 0xffff 0xffff 0xffff 0xffff)))
            (i32x4.gt_u
              (local.get $four)
              (v128.const i32x4 0xffffff 0xffffff 0xffffff 0xffffff)))))
      (i32.store8
        (local.get $codes)
        (local.tee $code
          (i32.shr_u
            (i32.mul
              (i32x4.extract_lane 0
                (i8x16.shuffle 0 4 8 12 0 4 8 12 0 4 8 12 0 4 8 12
                  (local.get $pack) (local.get $pack)))
              (i32.const 0x01041040))
            (i32.const 24))))
      (v128.store
        (local.get $values)
        (i8x16.swizzle
          (local.get $four)
          (v128.load offset=4096 (i32.shl (local.get $code) (i32.const 4)))))
      (local.set $values
        (i32.add (local.get $values) (i32.load8_u offset=8192 (local.get $code))))
      (local.set $integers (i32.add (local.get $integers) (i32.const 16)))
      (br_if $next
        (i32.lt_u
          (local.tee $codes (i32.add (local.get $codes) (i32.const 1)))
          (local.get $end))))
    (local.get $values))

  (func (export "decode1248")
    (param $codes i32) (param $end i32) (param $values i32) (param $integers i32)
    (local $code i32)
    (loop $next
      (local.set $code (i32.load8_u (local.get $codes)))
      (v128.store
        (local.get $integers)
        (i8x16.swizzle
          (v128.load (local.get $values))
          (v128.load offset=8448
            (i32.shl (i32.and (local.get $code) (i32.const 15)) (i32.const 4)))))
      (local.set $values
        (i32.add
          (local.get $values)
          (i32.load8_u offset=8960 (i32.and (local.get $code) (i32.const 15)))))
      (v128.store offset=16
        (local.get $integers)
        (i8x16.swizzle
          (v128.load (local.get $values))
          (v128.load offset=8448 (i32.and (local.get $code) (i32.const 240)))))
      (local.set $values
        (i32.add
          (local.get $values)
          (i32.load8_u offset=8960 (i32.shr_u (local.get $code) (i32.const 4)))))
      (local.set $integers (i32.add (local.get $integers) (i32.const 32)))
      (br_if $next
        (i32.lt_u
          (local.tee $codes (i32.add (local.get $codes) (i32.const 1)))
          (local.get $end)))))

  ;; Returns the end of the values.
  (func (export "encode1248")
    (param $codes i32) (param $end i32) (param $values i32) (param $integers i32) (result i32)
    (local $two v128) (local $more v128) (local $low v128) (local $pack v128) (local $code i32)
    (loop $next
      (local.set $two (v128.load (local.get $integers)))
      (local.set $more (v128.load offset=16 (local.get $integers)))
      (local.set $low
        (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27
          (local.get $two) (local.get $more)))
      (local.set $pack
        (v128.or
          (i32x4.neg
            (i32x4.add
              (i32x4.gt_u (local.get $low) (v128.const i32x4 0xff 0xff 0xff 0xff))
              (i32x4.gt_u (local.get $low) (v128.const i32x4 0xffff 0xffff 0xffff 0xffff))))
          ;; Code 3 wherever there is anything in the high half.
          (v128.and
            (i32x4.ne
              (i8x16.shuffle 4 5 6 7 12 13 14 15 20 21 22 23 28 29 30 31
                (local.get $two) (local.get $more))
              (v128.const i32x4 0 0 0 0))
            (v128.const i32x4 3 3 3 3))))
      (i32.store8
        (local.get $codes)
        (local.tee $code
          (i32.shr_u
            (i32.mul
              (i32x4.extract_lane 0
                (i8x16.shuffle 0 4 8 12 0 4 8 12 0 4 8 12 0 4 8 12
                  (local.get $pack) (local.get $pack)))
              (i32.const 0x01041040))
            (i32.const 24))))
      (v128.store
        (local.get $values)
        (i8x16.swizzle
          (local.get $two)
          (v128.load offset=8704
            (i32.shl (i32.and (local.get $code) (i32.const 15)) (i32.const 4)))))
      (local.set $values
        (i32.add
          (local.get $values)
          (i32.load8_u offset=8960 (i32.and (local.get $code) (i32.const 15)))))
      (v128.store
        (local.get $values)
        (i8x16.swizzle
          (local.get $more)
          (v128.load offset=8704 (i32.and (local.get $code) (i32.const 240)))))
      (local.set $values
        (i32.add
          (local.get $values)
          (i32.load8_u offset=8960 (i32.shr_u (local.get $code) (i32.const 4)))))
      (local.set $integers (i32.add (local.get $integers) (i32.const 32)))
      (br_if $next
        (i32.lt_u
          (local.tee $codes (i32.add (local.get $codes) (i32.const 1)))
          (local.get $end))))
    (local.get $values))

  ;; Doubles become zigzag integers in their place, two at a time: v or -v - 1, whichever is not
  ;; negative, is cut into words by a division, and a word plus 2^52 is a double that has the word in
  ;; its low bits; then the sign comes below it. Returns 0, or 1 where one is no safe integer.
  (func (export "zigzag") (param $integers i32) (param $end i32) (result i32)
    (local $two v128) (local $sign v128) (local $high v128) (local $bad v128)
    (loop $next
      (local.set $two (v128.load (local.get $integers)))
      (local.set $bad
        (v128.or
          (local.get $bad)
          (v128.not
            (v128.and
              (f64x2.eq (f64x2.trunc (local.get $two)) (local.get $two))
              (f64x2.le
                (f64x2.abs (local.get $two))
                (v128.const f64x2 9007199254740991 9007199254740991))))))
      (local.set $sign (f64x2.lt (local.get $two) (v128.const f64x2 0 0)))
      (local.set $two
        (f64x2.sub
          (f64x2.abs (local.get $two))
          (v128.and (local.get $sign) (v128.const f64x2 1 1))))
      (local.set $high
        (f64x2.floor
          (f64x2.mul (local.get $two) (v128.const f64x2 0x1p-32 0x1p-32))))
      (v128.store
        (local.get $integers)
        (v128.or
          (i64x2.shl
            (v128.or
              (i64x2.shl
                (f64x2.add (local.get $high) (v128.const f64x2 0x1p52 0x1p52))
                (i32.const 32))
              (v128.xor
                (f64x2.add
                  (f64x2.sub
                    (local.get $two)
                    (f64x2.mul (local.get $high) (v128.const f64x2 0x1p32 0x1p32)))
                  (v128.const f64x2 0x1p52 0x1p52))
                (v128.const f64x2 0x1p52 0x1p52)))
            (i32.const 1))
          (v128.and (local.get $sign) (v128.const i64x2 1 1))))
      (br_if $next
        (i32.lt_u
          (local.tee $integers (i32.add (local.get $integers) (i32.const 16)))
          (local.get $end))))
    (v128.any_true (local.get $bad)))

  ;; The way back: the high word is put into the low bits of 2^84, which counts it in steps of 2^32,
  ;; the low word into those of 2^52, and both powers are taken off. Returns 0, or 1 where one stands
  ;; for no safe integer: all of those are below 2^54 - 1.
  (func (export "unzigzag") (param $integers i32) (param $end i32) (result i32)
    (local $two v128) (local $sign v128) (local $bad v128)
    (loop $next
      (local.set $two (v128.load (local.get $integers)))
      (local.set $bad
        (v128.or
          (local.get $bad)
          (v128.or
            (local.get $two)
            (i64x2.add (local.get $two) (v128.const i64x2 1 1)))))
      (local.set $sign
        (i64x2.neg (v128.and (local.get $two) (v128.const i64x2 1 1))))
      (local.set $two (i64x2.shr_u (local.get $two) (i32.const 1)))
      (v128.store
        (local.get $integers)
        (v128.xor
          (f64x2.add
            (f64x2.add
              (f64x2.sub
                (v128.or
                  (i64x2.shr_u (local.get $two) (i32.const 32))
                  (v128.const f64x2 0x1p84 0x1p84))
                (v128.const f64x2 0x1.00000001p84 0x1.00000001p84))
              (v128.or
                (v128.and (local.get $two) (v128.const i64x2 0xffffffff 0xffffffff))
                (v128.const f64x2 0x1p52 0x1p52)))
            (v128.and (local.get $sign) (v128.const f64x2 1 1)))
          (i64x2.shl (local.get $sign) (i32.const 63))))
      (br_if $next
        (i32.lt_u
          (local.tee $integers (i32.add (local.get $integers) (i32.const 16)))
          (local.get $end))))
    (v128.any_true (i64x2.shr_u (local.get $bad) (i32.const 54)))))
