# What is committed survives a crash of the server and predicts the same bits; what was not committed leaves nothing.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = PostgreSQL::Test::Cluster->new('crash');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'tensile'\nrestart_after_crash = on");
$node->start;

$node->safe_psql('postgres', q{
    CREATE EXTENSION tensile;
    CREATE TABLE points AS
        SELECT i AS id, (i % 100) / 100.0::float8 AS a, (i % 7) / 7.0::float8 AS b, (i % 100) / 50.0::float8 - (i % 7) / 7.0 AS y
        FROM generate_series(1, 3000) AS i;
});

my $train = q{SELECT count(*) > 0 FROM tensile.train('%s', 'mlp', 'SELECT a, b, y FROM points', target => '{y}',
    options => '{"epochs": 3, "hidden": [16]}')};
my $predict = q{SELECT array_agg(tensile.predict('kept', p) ORDER BY id) FROM (SELECT id, a, b FROM points WHERE id <= 200) AS p};

is($node->safe_psql('postgres', sprintf($train, 'kept')), 't', 'training reports metrics');
my $before = $node->safe_psql('postgres', $predict);
like($before, qr/^\{.+\}$/, 'the model predicts');

# An open transaction that has trained, and a training under way, when the server dies.
my $open = $node->background_psql('postgres');
$open->query_safe('BEGIN');
$open->query_safe(sprintf($train, 'uncommitted'));
my $running = $node->background_psql('postgres', on_error_stop => 0);
$running->query_until(qr/started/, q{\echo started
SELECT * FROM tensile.train('running', 'mlp', 'SELECT a, b, y FROM points', target => '{y}', options => '{"epochs": 10000, "patience": 0}');
});
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM tensile.progress WHERE model = 'running' AND step > 0})
    or die 'the training did not start';
my $engine = $node->safe_psql('postgres', 'SELECT engine_pid FROM tensile.engine_status()');

$node->stop('immediate');
eval { $open->{run}->finish; };
eval { $running->{run}->finish; };
for (1 .. 100)
{
    # Its end is noticed a moment after that of the server.
    last if !kill 0, $engine;
    usleep(100_000);
}
# The kernel kills the engine when its supervisor is gone; that it is reaped may take another moment.
for (1 .. 100) { last unless kill(0, $engine); select(undef, undef, undef, 0.1); }
ok(!kill(0, $engine), 'no engine outlives an immediate shutdown') or kill(9, $engine);

$node->start;
is($node->safe_psql('postgres', $predict), $before, 'the committed model predicts the same bits after crash recovery');
is($node->safe_psql('postgres', q{SELECT string_agg(name, ',' ORDER BY name) FROM tensile.models}), 'kept',
    'neither the uncommitted nor the interrupted training left a model');
is($node->safe_psql('postgres', q{
    SELECT count(*) FROM pg_catalog.pg_type AS t JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
    WHERE n.nspname = 'tensile_store' AND t.typname LIKE 'm\_%' AND t.typtype = 'c'}), '1', 'and no carrier type');

# A backend that is killed makes the postmaster restart its children; the models are still there afterwards.
my $victim = $node->background_psql('postgres', on_error_stop => 0);
my $pid = $victim->query_safe('SELECT pg_backend_pid()');
kill(9, $pid);
eval { $victim->{run}->finish; };
$node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back';
is($node->safe_psql('postgres', $predict), $before, 'the same after a crash restart of the backends');

$node->stop;
done_testing();
