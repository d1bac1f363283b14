#!/usr/bin/env node
/** The program `dunbar`. */
require('./load-bundle.js')('main')
