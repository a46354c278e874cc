#!/bin/dash
# PID 1 of the guest that makes disks with layers, on a Debian of layers-root.ts. /sets has, by its name, the script of each set of disks, and before it
# the places of its disks at the SCSI controller; /tiny is the tiny root. A line FACT tells what has come of it, DONE or FAILED how it went.
# Debian's shell: busybox's runs its own mke2fs, whatever lies in PATH.
export PATH=/usr/sbin:/usr/bin DM_DISABLE_UDEV=1
dmesg -n 1
mount -t tmpfs tmpfs /tmp
modprobe -a virtio_scsi sd_mod

# The path of the disk at a place.
disk() {
	until [ -e /sys/bus/scsi/devices/*:$(($1 / 8)):$(($1 % 8))/block ]; do sleep 0.1; done
	echo /dev/$(ls /sys/bus/scsi/devices/*:$(($1 / 8)):$(($1 % 8))/block)
}

# The tiny root in an ext4 file system on a device; its UUID and label.
root_on() {
	mke2fs -q -F -t ext4 -m 0 -E lazy_itable_init=0 -U "$2" -L "$3" -d /tiny "$1"
}

layers() {
	ls /sys/block | grep -E '^(md|dm-)'
}

# Of a device: what it is called in the set, or "-".
describe() {
	local name=$1
	echo "FACT device $name $2 $(cat /sys/class/block/$name/size)"
	blkid -p -o export /dev/$name | sed -n "/^DEVNAME=/d; s/^/FACT tag $name /p"
	for slave in /sys/class/block/$name/slaves/*; do
		[ -e $slave ] && echo "FACT slave $name ${slave##*/}"
	done
	[ -e /sys/class/block/$name/md ] && mdadm --detail --export /dev/$name | sed "s/^/FACT md $name /"
	[ -e /sys/class/block/$name/dm ] || return 0
	echo "FACT dm $name UUID=$(cat /sys/class/block/$name/dm/uuid)"
	echo "FACT dm $name NAME=$(cat /sys/class/block/$name/dm/name)"
	dmsetup splitname --noheadings -c --separator ' ' -o vg_name,lv_name $(cat /sys/class/block/$name/dm/name) LVM |
		sed "s/^\(.*\) \(.*\)/FACT dm $name GROUP=\1\nFACT dm $name VOLUME=\2/"
}

describe_all() {
	while read -r name place; do
		path=$(disk $place)
		describe ${path##*/} $name
		for part in /sys/class/block/${path##*/}/${path##*/}*; do
			[ -e $part ] && describe ${part##*/} $name${part##*[a-z]}
		done
	done <$1.disks
	for layer in $(layers); do describe $layer -; done
}

take_apart() {
	while [ -n "$(layers)" ]; do
		vgchange -q -an
		for each in $(layers); do
			case $each in
			dm-*) dmsetup remove $(cat /sys/block/$each/dm/name) ;;
			# A node that is left, once opened by LVM, makes an empty array of that name, which is in the next set's way.
			md*) mdadm -q --stop /dev/$each && until [ ! -e /sys/block/$each ]; do sleep 0.1; done && rm -f /dev/$each ;;
			esac
		done
	done >/dev/null 2>&1
}

for set in /sets/*.disks; do
	set=${set%.disks}
	echo "SET ${set##*/}"
	# Not as a condition: there -e does nothing.
	(
		set -eu
		while read -r name place; do eval "$name=$(disk $place)"; done <$set.disks
		. $set
	)
	if [ $? = 0 ]; then
		describe_all $set
		echo DONE
	else
		echo FAILED
	fi
	take_apart
done
sync
stty sane </dev/console
poweroff -f
