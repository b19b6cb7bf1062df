# A hot standby has an engine of its own and predicts, bit for bit as the primary, without writing anything.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "shared_preload_libraries = 'tensile'");
$primary->start;
$primary->safe_psql('postgres', q{
    CREATE EXTENSION tensile;
    CREATE TABLE points AS SELECT i AS id, (i % 100) / 100.0::float8 AS a, i % 2 = 0 AS flag FROM generate_series(1, 2000) AS i;
});
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

$primary->safe_psql('postgres', q{SELECT count(*) FROM tensile.train('m', 'mlp', 'SELECT a, flag FROM points', target => '{flag}',
    options => '{"epochs": 2, "hidden": [8]}')});
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));

my $predict = q{SELECT array_agg(tensile.predict('m', p) ORDER BY id) FROM (SELECT id, a FROM points WHERE id <= 100) AS p};
my $expected = $primary->safe_psql('postgres', $predict);
is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 't', 'the standby is in recovery');
is($standby->safe_psql('postgres', $predict), $expected, 'the standby predicts the same bits');
isnt($standby->safe_psql('postgres', 'SELECT engine_pid FROM tensile.engine_status()'),
    $primary->safe_psql('postgres', 'SELECT engine_pid FROM tensile.engine_status()'), 'with an engine of its own');
my ($result, $out, $err) = $standby->psql('postgres', q{\set VERBOSITY verbose
SELECT * FROM tensile.train('n', 'mlp', 'SELECT a, flag FROM points', target => '{flag}')});
like($err, qr/ERROR:\s+25006:/, 'training on a standby is refused as read-only');

# A model replaced on the primary is the model of the standby's next snapshot; a dropped one is gone.
$primary->safe_psql('postgres', q{SELECT count(*) FROM tensile.train('m', 'mlp', 'SELECT a, flag FROM points', target => '{flag}',
    options => '{"epochs": 2, "hidden": [8], "seed": 99}', replace => true)});
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
my $replaced = $primary->safe_psql('postgres', $predict);
isnt($replaced, $expected, 'another seed gives another model');
is($standby->safe_psql('postgres', $predict), $replaced, 'which the standby follows');

$standby->promote;
is($standby->safe_psql('postgres', $predict), $replaced, 'prediction goes on after promotion');
is($standby->safe_psql('postgres', q{SELECT count(*) > 0 FROM tensile.train('after', 'mlp', 'SELECT a, flag FROM points',
    target => '{flag}', options => '{"epochs": 1, "hidden": [8]}')}), 't', 'and training works');

$standby->stop;
$primary->stop;
done_testing();
