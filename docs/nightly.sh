#!/bin/sh
# The nightly round: every step runs, whatever the one before said; the worst news is the exit code.
# Usage: nightly.sh FOLDER, the folder of archiver.toml. ARCHIVER names the program.
cd "$1" || exit 2
worst=0
rank() {
  case $1 in 0) echo 0 ;; 3) echo 1 ;; 4) echo 2 ;; *) echo 3 ;; esac
}
for step in ingest receipts load reconcile; do
  ${ARCHIVER:-archiver} "$step" --wait
  code=$?
  if [ "$(rank $code)" -gt "$(rank $worst)" ]; then worst=$code; fi
done
${ARCHIVER:-archiver} report
exit $worst
