#!/bin/sh
# Called by cargo in the compiler's place, as `rustc.sh RUSTC ARGUMENTS`, when `hil` builds firmware: the
# same source gives the same bytes in whatever folder it lies.
#
# Cargo has the compiler mix a number into the names of symbols, and the number of a package outside of
# this workspace, the kernels' say, follows from the folder that the package lies in. So do the numbers of
# all that use it, and the order of functions and constants in the image. Name and version stand in for it.
repository=$(CDPATH='' cd -- "${0%/*}/.." && pwd -P)
compiler=$1
shift
case ${CARGO_MANIFEST_DIR-} in
"$repository"/*)
    for argument; do
        shift
        case $argument in
        metadata=*) argument=metadata=$CARGO_PKG_NAME-$CARGO_PKG_VERSION ;;
        esac
        set -- "$@" "$argument"
    done
    ;;
esac
exec "$compiler" "$@"
