#!/usr/bin/env bash
# Puts headers and archives of SUNDIALS into a folder, for the plugin in plugins/cvode, where they are
# not installed: Debian's package is 1 MB, and the 136 MB of MPI and PETSc that it depends on are
# not needed. Takes no root.
#   scripts/sundials.sh FOLDER    then: make -C plugins/cvode SUNDIALS=FOLDER/usr
set -euo pipefail
folder=${1:?usage: scripts/sundials.sh FOLDER}
if [ -f /usr/include/cvode/cvode.h ] || [ -f "$folder/usr/include/cvode/cvode.h" ]; then exit 0; fi
mkdir -p "$folder"
cd "$folder"
apt-get download -qq libsundials-dev
dpkg-deb --extract libsundials-dev_*.deb .
rm libsundials-dev_*.deb
