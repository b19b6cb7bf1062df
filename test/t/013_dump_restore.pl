# Models go through pg_dump and pg_restore, into another database and into another server, with owner and grants.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('dump');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'tensile'");
$node->start;
$node->safe_psql('postgres', q{
    CREATE ROLE alice LOGIN;
    CREATE ROLE bob LOGIN;
    CREATE EXTENSION tensile;
    CREATE SCHEMA work AUTHORIZATION alice;
    SET SESSION AUTHORIZATION alice;
    CREATE TABLE work.points AS SELECT i AS id, (i % 100) / 100.0::float8 AS a, (i % 100) / 10.0::float8 AS y FROM generate_series(1, 2000) AS i;
    SELECT count(*) FROM tensile.train('m', 'mlp', 'SELECT a, y FROM work.points', target => '{y}', options => '{"epochs": 2, "hidden": [8]}');
    GRANT USAGE ON SCHEMA work TO bob;
    GRANT SELECT ON work.points TO bob;
});
$node->safe_psql('postgres', q{
    DO $$ BEGIN EXECUTE (SELECT format('GRANT USAGE ON TYPE %I.%I TO bob', n.nspname, t.typname)
        FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace
        WHERE n.nspname = 'tensile_store' AND t.typname LIKE 'm\_%' AND t.typtype = 'c'); END $$});

my $predict = q{SELECT array_agg(tensile.predict('m', p) ORDER BY id) FROM (SELECT id, a FROM work.points WHERE id <= 100) AS p};
my $expected = $node->safe_psql('postgres', $predict);
my $dump = $node->basedir . '/models.dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-h', $node->host, '-p', $node->port, 'postgres' ], 'pg_dump');

sub check_restored {
    my ($server, $database, $name) = @_;
    is($server->safe_psql($database, $predict), $expected, "$name: predicts the same bits");
    is($server->safe_psql($database, q{SELECT owner FROM tensile.models WHERE name = 'm'}), 'alice', "$name: owner kept");
    is($server->safe_psql($database, $predict, extra_params => [ '-U', 'bob' ]), $expected, "$name: grant kept");
    $server->safe_psql($database, q{SELECT tensile.drop_model('m')});
    is($server->safe_psql($database, q{SELECT count(*) FROM tensile_store.weight}), '0', "$name: dropping works after a restore");
}

$node->safe_psql('postgres', 'CREATE DATABASE copied');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'copied', '-h', $node->host, '-p', $node->port, $dump ],
    'pg_restore into another database');
check_restored($node, 'copied', 'other database');

my $other = PostgreSQL::Test::Cluster->new('other');
$other->init;
$other->append_conf('postgresql.conf', "shared_preload_libraries = 'tensile'");
$other->start;
$other->safe_psql('postgres', 'CREATE ROLE alice LOGIN; CREATE ROLE bob LOGIN;');
$other->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'postgres', '-h', $other->host, '-p', $other->port, $dump ],
    'pg_restore into another server');
check_restored($other, 'postgres', 'other server');

$other->stop;
$node->stop;
done_testing();
