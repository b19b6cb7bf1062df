# The plan of a training while it runs: seen by its trainer, by whoever may use the model, and by nobody else; and a share of
# the pool that an administrator has set for a role holds in that role's sessions.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('plans');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'tensile'\ntensile.pool_size = 64MB");
$node->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION tensile;
    CREATE ROLE alice LOGIN;
    CREATE ROLE bob LOGIN;
    CREATE ROLE small LOGIN;
    CREATE TABLE points AS SELECT (i % 50) / 50.0::float8 AS a, (i % 50) / 25.0::float8 AS y FROM generate_series(1, 2000) AS i;
    GRANT SELECT ON points TO PUBLIC;
});
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION tensile');

sub query_as {
    my ($role, $sql, $database) = @_;
    my ($result, $out, $err) = $node->psql($database // 'postgres', "\\set VERBOSITY verbose\n$sql", extra_params => [ '-U', $role ]);
    return ($out, $err);
}

sub train {
    my ($more) = @_;
    return qq{SELECT count(*) FROM tensile.train('m', 'mlp', 'SELECT a, y FROM points', target => '{y}', $more)};
}

my $plan = q{SELECT count(*) FROM tensile.explain_plan('m') WHERE program LIKE '%train%'};
my $running = q{SELECT count(*) FROM tensile.progress WHERE phase = 'training' AND step > 0};

# Starts a training that does not end by itself, and returns when it runs.
my ($out, $err) = ('', '');
sub start_training {
    my ($more) = @_;
    my $statement = train(qq{options => '{"epochs": 100000, "hidden": [16, 16], "patience": 0, "validation": 0}'$more});
    my $training = IPC::Run::start([ 'psql', '-X', '-U', 'alice', '-h', $node->host, '-p', $node->port, '-d', 'postgres', '-c',
            $statement ], '>', \$out, '2>', \$err);
    ok($node->poll_query_until('postgres', $running, '1'), 'the training runs');
    return $training;
}

sub cancel_training {
    my ($training) = @_;
    $node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM tensile.progress});
    $training->finish;
    ok($node->poll_query_until('postgres', 'SELECT count(*) FROM tensile.progress', '0'), 'the training has ended');
}

# A model that is not stored yet.
my $training = start_training('');
my ($seen, $errors) = query_as('alice', $plan);
is($errors, '', 'the trainer may ask');
cmp_ok($seen, '>', 5, 'and sees the plan');
($seen, $errors) = query_as('bob', $plan);
like($errors, qr/ERROR:\s+42704:/, 'to others there is no such model');
($seen, $errors) = query_as('alice', $plan, 'other');
like($errors, qr/ERROR:\s+42704:/, 'nor is there in another database');
($seen, $errors) = query_as('bob', q{SELECT state_bytes > 0, step_bytes > 0, comfortable_bytes > 0, swapped_bytes, waits_for IS NULL
    FROM tensile.pool WHERE purpose = 'train' AND session <> 0});
is($seen, 't|t|t|0|t', 'the pool shows what the job has');
cancel_training($training);

# A stored one: the live plan replaces that of the current version for as long as the training runs.
($seen, $errors) = query_as('alice', train(q{options => '{"epochs": 2, "hidden": [4]}'}));
is($errors, '', 'alice trains without any notice');
my ($before) = query_as('alice', $plan);
cmp_ok($before, '>', 5, 'the plan is stored');
$training = start_training(', replace => true');
my ($live) = query_as('alice', $plan);
cmp_ok($live, '>', $before, 'the running training has a larger plan');
($seen, $errors) = query_as('bob', $plan);
like($errors, qr/ERROR:\s+42501:/, 'bob may not see it');
cancel_training($training);
is((query_as('alice', $plan))[0], $before, 'afterwards the stored plan is shown again');

# Without an engine too, and without starting one.
$node->safe_psql('postgres', 'SELECT tensile.stop_engine()');
is((query_as('alice', $plan))[0], $before, 'no engine is needed for the stored plan');
is($node->safe_psql('postgres', 'SELECT state FROM tensile.engine_status()'), 'stopped', 'and none is started');
$node->safe_psql('postgres', 'SELECT tensile.restart_engine()');

# A share set for a role.
$node->safe_psql('postgres', 'ALTER ROLE small SET tensile.max_pool_share = 0.02');
my $large = q{SELECT count(*) FROM tensile.train('large', 'mlp', 'SELECT a, y FROM points', target => '{y}',
    options => '{"epochs": 1, "hidden": [512, 512]}')};
($seen, $errors) = query_as('small', $large);
like($errors, qr/ERROR:\s+53400:.*"tensile.max_pool_share" = 0.02 allows.*administrator/s, 'the share holds for the role');
($seen, $errors) = query_as('small', 'SET tensile.max_pool_share = 1');
like($errors, qr/ERROR:\s+42501:/, 'which may not change it');
($seen, $errors) = query_as('bob', $large);
is($errors, '', 'others may have more');

$node->stop;
done_testing();
