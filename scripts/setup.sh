#!/usr/bin/env bash
# Installs the system packages that Slopefield needs on Debian and Ubuntu, and says what it does.
#   scripts/setup.sh build    to build and run the application
#   scripts/setup.sh test     the same, and what the tests need besides: a software graphics driver
#                             and what the end-to-end tests open the window with
# Elsewhere it does nothing: on Windows and macOS the web view is part of the system.
set -euo pipefail

build=(build-essential pkg-config curl file libwebkit2gtk-4.1-dev)
run=(xvfb xauth webkit2gtk-driver fonts-dejavu-core procps mesa-vulkan-drivers libvulkan1)

case "${1:-build}" in
  build) wanted=("${build[@]}") ;;
  test) wanted=("${build[@]}" "${run[@]}") ;;
  *) echo "usage: scripts/setup.sh [build|test]" >&2; exit 2 ;;
esac

if [ "$(uname -s)" != Linux ]; then exit 0; fi
if ! command -v dpkg-query >/dev/null; then
  echo "This system is not Debian or Ubuntu. Please install the equivalents of: ${wanted[*]}"
  exit 0
fi

missing=()
for package in "${wanted[@]}"; do
  status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
  [ "$status" = "install ok installed" ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi

echo "Installing system packages: ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "This needs root. Please run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
lock=(-o DPkg::Lock::Timeout=550)
"${as_root[@]}" apt-get "${lock[@]}" update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get "${lock[@]}" install -y -qq --no-install-recommends "${missing[@]}"
