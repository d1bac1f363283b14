# syntax=docker/dockerfile:1

FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY . .
# `npm ci` also compiles: the root package has a `prepare` script.
RUN npm ci --no-audit --no-fund \
  && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
  && rm -rf bench docs test packages/*/src packages/*/test workers/*.ts node_modules/.cache \
  && chmod +x packages/cli/bin/dunbar.js

FROM node:20-bookworm-slim
ENV NODE_ENV=production \
    DUNBAR_PATH=/data
COPY --from=build /app /app
RUN ln -s /app/packages/cli/bin/dunbar.js /usr/local/bin/dunbar \
  && install -d -o node -g node -m 0700 /data
USER node
WORKDIR /data
# All that the node must keep. A volume of its own survives the container.
VOLUME /data
EXPOSE 8008
STOPSIGNAL SIGTERM
# `--running`: a check must never open the folder itself while the node starts or stops.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
  CMD ["dunbar", "status", "--running", "--json"]
ENTRYPOINT ["dunbar"]
CMD ["start"]
