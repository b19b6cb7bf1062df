#!/usr/bin/env bash
# forecast_quality.sh FOLDER [subject...]: unpacks the public data sets below FOLDER (ETT, M4, nyc-taxi, hangzhou-metro, beijing-prsa, as
# .csv, .csv.xz or .csv.gz) and runs forecast_quality on them. BUILD_DIR says where `make bench` built it.
set -euo pipefail
folder=${1:?usage: forecast_quality.sh FOLDER [subject...]}
shift
plain=$(mktemp -d)
trap 'rm -rf "$plain"' EXIT
find "$folder" -type f | while read -r file; do
    case $file in
        *.csv.xz) xz -dc "$file" > "$plain/$(basename "${file%.xz}")" ;;
        *.csv.gz) gzip -dc "$file" > "$plain/$(basename "${file%.gz}")" ;;
        *.csv) cp "$file" "$plain/" ;;
    esac
done
"$(realpath -m "${BUILD_DIR:-build}")/core/bench/forecast_quality" "$plain" "$@"
