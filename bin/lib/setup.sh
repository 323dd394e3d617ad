# shellcheck shell=bash
# What bin/test, bin/demo and .ci/run have in common: packages, npm, build, FUSE. Sourced, not run;
# the caller is in the project's folder. Every function says what it does, and when it can't, what
# the user can do, and then ends the script.

say() { printf '%s\n' "$@"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$1" >&2; shift; [ $# = 0 ] || printf '  %s\n' "$@" >&2; exit 1; }

# need_packages NAME...: installs those Debian packages that are missing.
need_packages() {
  local missing=() name sudo=()
  command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
    { say "no apt-get here; needed is what Debian calls: $*"; return 0; }
  for name; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local install="apt-get install -y --no-install-recommends ${missing[*]}"
  if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then sudo=(sudo)
    else die "packages are missing and only root can install them. Run this as root, then try again:" "$install"; fi
  fi
  say "installing with apt: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive $install >"$SETUP_LOG" 2>&1 || {
    # The list of packages may be old or, in a fresh container, not there.
    "${sudo[@]}" apt-get update >>"$SETUP_LOG" 2>&1
    # shellcheck disable=SC2086
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive $install >>"$SETUP_LOG" 2>&1 || {
      tail -n 15 "$SETUP_LOG" >&2
      die "apt could not install what is missing (log: $SETUP_LOG). By hand:" "${sudo[*]} $install"
    }
  }
}

# want_packages NAME...: installs those that are missing one by one, where that can be done; says which it could not.
want_packages() {
  local missing=() name sudo=()
  command -v apt-get >/dev/null && command -v dpkg-query >/dev/null || return 0
  for name; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null && sudo=(sudo); } ||
    { say "not installed, only root could: ${missing[*]}"; return 0; }
  say "installing with apt: ${missing[*]}"
  for name in "${missing[@]}"; do
    timeout 180 "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$name" \
      >>"$SETUP_LOG" 2>&1 </dev/null || say "could not be installed: $name (log: $SETUP_LOG)"
  done
}

# need_node: Node 20 and npm.
need_node() {
  local version
  command -v node >/dev/null && command -v npm >/dev/null ||
    die "Node 20 or later and npm are needed; see https://nodejs.org"
  version=$(node -p 'process.versions.node')
  [ "${version%%.*}" -ge 20 ] || die "Node 20 or later is needed, this is $version"
}

# need_modules: npm ci, when the lock file changed since the last time or nothing is there.
need_modules() {
  local stamp=node_modules/.pailfs-setup now
  now=$(cat package-lock.json .taprc | sha256sum)
  if [ "$(cat "$stamp" 2>/dev/null)" = "$now" ]; then return 0; fi
  if [ node_modules/.package-lock.json -nt package-lock.json ] && [ ! -e "$stamp" ]; then
    # Installed by hand from this lock file; tap's loaders may not have been built.
    node bin/prepare.js >"$SETUP_LOG" 2>&1 || die "tap build failed; log: $SETUP_LOG"
  else
    say "installing npm packages (npm ci)"
    npm ci --no-audit --no-fund >"$SETUP_LOG" 2>&1 || {
      tail -n 15 "$SETUP_LOG" >&2
      die "npm ci failed (log: $SETUP_LOG)"
    }
  fi
  printf '%s\n' "$now" >"$stamp"
}

# build: tsc, and no compiled test without its source.
build() {
  local file
  say "building (tsc)"
  [ ! -d dist/test ] || while IFS= read -r file; do
    [ -e "${file%.js}.ts" ] || rm -f "dist/$file"
  done < <(cd dist && find test -name '*.test.js')
  node_modules/.bin/tsc
}

# need_fuse: the kernel's device, the right to use it, the tools.
need_fuse() {
  if [ ! -e /dev/fuse ]; then
    die "there is no /dev/fuse, so nothing can be mounted" \
      "On a machine of your own: sudo modprobe fuse" \
      "In Docker: docker run --device /dev/fuse --cap-add SYS_ADMIN --security-opt apparmor=unconfined ..."
  fi
  if ! { : <>/dev/fuse; } 2>/dev/null; then
    die "no right to open /dev/fuse (you are $(id -un)): $(ls -l /dev/fuse)" \
      "Run this as root, or let users mount: sudo chmod 0666 /dev/fuse" \
      "In Docker the device must be passed in: --device /dev/fuse --cap-add SYS_ADMIN"
  fi
  command -v fusermount3 >/dev/null || die "fusermount3 is missing" "apt-get install fuse3"
  if [ "$(id -u)" != 0 ] && [ ! -u "$(command -v fusermount3)" ]; then
    die "fusermount3 is not setuid root, so only root can mount" \
      "sudo chmod u+s $(command -v fusermount3), or run this as root"
  fi
}
