#!/bin/sh
# Fail when a folder includes what it may not.  The tables are the architecture.
cd "$(dirname "$0")/.." || exit 2
allowed() {
	case $1 in
	common) echo common ;;
	seeds | tgen | probe | hitlist) echo "common $1" ;;
	analysis) echo "common hitlist analysis" ;;
	fleet) echo "common probe hitlist fleet" ;;
	cli) echo "common seeds tgen probe hitlist analysis fleet cli" ;;
	esac
}
# The folder that may use an external library's header, by pattern.
owner() {
	case $1 in
	pcap*.h | pcap/* | xdp/* | bpf/* | openssl/*) echo probe ;;
	ldns/*) echo seeds ;;
	bzlib.h | zlib.h | lzma.h | zstd.h | xxhash.h | sodium.h) echo common ;;
	nats/* | nats.h | libpq-fe.h | librdkafka/*) echo fleet ;;
	*) echo any ;;
	esac
}
bad=0
for dir in common seeds tgen probe hitlist analysis fleet cli; do
	[ -d $dir ] || continue
	for inc in $(grep -rhoE '^#include "[^"]+' $dir | cut -d'"' -f2 | sort -u); do
		to=${inc%%/*}
		case " $(allowed $dir) " in
		*" $to "*) ;;
		*)
			echo "$dir may not include $inc"
			bad=1
			continue
			;;
		esac
		# From outside, only the public header of a component.
		[ $to = $dir ] || [ $to = common ] || [ $inc = $to/$to.h ] || {
			echo "$dir reaches into $inc"
			bad=1
		}
	done
	for inc in $(grep -rhoE '^#include <[^>]+' $dir | cut -d'<' -f2 | sort -u); do
		to=$(owner "$inc")
		[ $to = any ] || [ $to = $dir ] || {
			echo "$dir may not use <$inc>: it belongs to $to"
			bad=1
		}
	done
done
exit $bad
