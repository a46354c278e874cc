#!/bin/sh
# Fills the folder $1 with everything about files that an archive can hold and an unpacker can lose. As root.
set -eu
cd "$1"
umask 022

# Owners that no /etc/passwd knows, and all the bits of a mode.
echo owned >owned && chown 4000000000:70000 owned
for mode in 0000 0111 0444 0600 0777 1777 2755 4755 6711 7777; do
	echo "$mode" >"mode-$mode" && chmod "$mode" "mode-$mode"
	mkdir "dir-$mode" && chmod "$mode" "dir-$mode"
done
mkdir shared && chown 0:50 shared && chmod 3775 shared

# Hard links, across directories.
echo linked >link-a && mkdir deep && ln link-a deep/link-b && ln link-a link-c
mknod null c 1 3

# Links: dangling, long, absolute, to a directory, with an owner of their own.
ln -s nowhere dangling
ln -s "$(printf '%0300d' 0)" long-target
ln -s /bin/busybox absolute
ln -s deep to-dir
ln -s owned owned-link && chown -h 12:34 owned-link

# Special files.
mkfifo -m 0620 fifo
mknod block b 259 1048575 && chmod 0640 block && chown 0:6 block
mknod char c 511 255

# Sparse: a hole at the start, in the middle, at the end, and nothing but a hole.
truncate -s 8M sparse-all
truncate -s 5M sparse-ends && printf data | dd of=sparse-ends bs=1 seek=2M conv=notrunc status=none
printf start >sparse-middle && printf end | dd of=sparse-middle bs=1 seek=3M conv=notrunc status=none
head -c 100000 /dev/zero >zeros
: >empty

# Extended attributes, capabilities and access lists. user.* is for regular files and directories only.
echo capable >capable && setcap cap_net_raw,cap_sys_admin+ep capable
echo trusted >trusted && setfattr -n trusted.first -v 0x00ff10 trusted && setfattr -n trusted.second -v text trusted
setfattr -n trusted.folder -v yes deep
echo user >user-attribute && setfattr -n user.comment -v lost user-attribute
echo access >access-list && setfacl -m u:1234:rw,g:5678:r,m::rw access-list
mkdir inherits && setfacl -d -m u:1234:rwx,g:5678:rx inherits
touch inherits/inherited

# Names: bytes that are no UTF-8, control characters, the longest, UTF-8, what shells and tar take for something else.
touch "$(printf 'latin1-\351')" "$(printf 'bytes-\200\377\376')" "$(printf 'new\nline')" "$(printf 'tab\tand\\back')"
touch "$(printf '%0255d' 0)" 'grüße-漢字' ' blanks ' ./-dash 'star*?[a]' '"quotes"' "it's" '$HOME' '\n'
path=$(printf '%0100d' 1)
mkdir -p "$path/$path/$path" && echo far >"$path/$path/$path/file"

# Times: nanoseconds, before 1970, after 2038, of links and folders. Last, since everything above changes them.
touch -h -d '2001-02-03 04:05:06.123456789 UTC' owned link-a dangling fifo null
touch -d '1960-01-01 00:00:00 UTC' empty
touch -d '2040-06-07 08:09:10.000000001 UTC' zeros
touch -d '1999-12-31 23:59:59.999999999 UTC' deep inherits shared .
