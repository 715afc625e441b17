# What the pictures show, recorded again: typed where docs/tutorial.md says "second terminal", with
# its sandbox running. `python -m sandbox.recording.pictures` then draws them.
set -eu
images=$PWD/docs/images
cd build/tutorial
. ./environment
rm -rf migration.toml schema.cql .hintferry
hintferry init shop --contact-point "$SOURCE_HOST"
sed -i "s|^endpoint = .*|endpoint = \"$TARGET_HOST\"\nca_file = \"$TARGET_CA\"|" migration.toml
hintferry schema > keyspaces.cql
on_target < keyspaces.cql
on_source "CREATE KEYSPACE hintferry WITH replication = {'class': 'NetworkTopologyStrategy', '$SOURCE_DATACENTER': 1}"
on_source "CREATE TABLE hintferry.markers (name text PRIMARY KEY, written uuid, number bigint, drawn_at timestamp) WITH cdc = true"
on_source "CREATE TABLE hintferry.captures (host_id uuid PRIMARY KEY, state text)"
on_source "CREATE TABLE hintferry.watermarks (name text, host_id uuid, number bigint, since bigint, drawn_at timestamp, settled_at timestamp, waits text, PRIMARY KEY (name, host_id))"
for table in shop.orders shop.readings; do
    on_source "ALTER TABLE $table WITH cdc = true"
done
for table in shop.orders shop.readings; do
    hintferry backfill $table
done
sleep 50

# Days of two sensors go, and a row of a third appears, behind Hintferry's back.
on_target "DELETE FROM shop.readings WHERE sensor = 'sensor-1' AND day = '2026-11-01'"
on_target "DELETE FROM shop.readings WHERE sensor = 'sensor-3' AND day = '2026-11-03'"
on_target "UPDATE shop.readings SET value = -1 WHERE sensor = 'sensor-2' AND day = '2026-11-02' AND taken = '2026-11-02T00:20:00Z'"
hintferry verify shop.orders --consistency all
hintferry verify shop.readings --consistency all --report reports || true
# Until every node has reported since then, to a first look and to a second.
sleep 90
hintferry status || true
sleep 60
hintferry status --json > "$images/status.json" || true
cp reports/verify-shop.readings.json "$images/verify.json"
