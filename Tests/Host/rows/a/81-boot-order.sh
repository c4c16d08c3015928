# title: at boot the start waits for the network, and for the state directory
. /stage/rows/lib.sh
after=" $(systemctl show --property=After --value pgkvm@b1.service) "
for unit in network-online.target -.mount; do
    case $after in *" $unit "*) ;; *) die "After of the boot unit:$after" ;; esac
done
case " $(systemctl show --property=Wants --value pgkvm@b1.service) " in *" network-online.target "*) ;; *) die "nothing wants network-online.target, so that waiting for it may be for nothing" ;; esac
