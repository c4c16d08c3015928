# Has chrony take the clock that choose-clock.sh finds, as it does by itself when it starts. Run as root.
set -eu
if [ "$(sh /usr/lib/pgkvm/choose-clock.sh)" = changed ]; then systemctl try-restart --no-block chrony.service; fi
