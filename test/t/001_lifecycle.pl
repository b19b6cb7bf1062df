# A preloaded server's engine from start to stop: who starts it, what it leaves behind, and that its death costs nobody
# else anything.
use strict;
use warnings;

use File::Basename qw(dirname);
use lib dirname(__FILE__);

use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Tensile;
use Test::More;
use Time::HiRes qw(sleep);

# The number of engines and servers that are left, once they have had the time to notice.
sub processes_left
{
	my ($server) = @_;
	my $count;
	for (1 .. 100)
	{
		$count = scalar(processes_of($server, 'tensile-engine')) + scalar(processes_of($server, 'postgres'));
		last if $count == 0;
		sleep 0.1;
	}
	return $count;
}

my $node = new_server('main', replicates => 1);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION tensile');

# The engine starts with the server.
my $engine = wait_for_engine($node);
is(join(' ', processes_of($node, 'tensile-engine')), $engine, 'there is one engine, and the status names it');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'tensile supervisor'"),
	1, 'the supervisor is in pg_stat_activity');
is(status($node, 'restarts'), 0, 'it has never been restarted');
is(status($node, 'supervisor_pid = (SELECT pid FROM pg_stat_activity WHERE backend_type = $$tensile supervisor$$)'),
	't', 'the status names the supervisor');
is(status($node, 'pool_size'), 64 * 1024 * 1024, 'the engine has got its settings');

# The run directory.
my $directory = $node->data_dir . '/pgsql_tmp_tensile';
is(sprintf('%o', (stat $directory)[2] & 07777), '700', 'the run directory is private');
is_deeply([ grep { !/^spill/ } run_files($node) ],
	[ 'engine.sock', 'state.json', 'supervisor.lock' ], 'the run directory holds what it should');
my $parent = slurp_file("/proc/$engine/status") =~ /^PPid:\s+(\d+)/m ? $1 : '';
is($parent, status($node, 'supervisor_pid'), 'the engine is the child of the supervisor');
my @descriptors = glob "/proc/$engine/fd/*";
is(scalar(grep { (readlink($_) // '') =~ m{/base/|/global/|pg_wal} } @descriptors),
	0, 'the engine has no file of the database open');

# A backup skips it.
my ($output, $errors) = run_command(
	[ 'pg_basebackup', '-h', $node->host, '-p', $node->port, '-D', $node->backup_dir . '/copy', '-X', 'none', '--no-sync' ]);
unlike($errors, qr/socket|tensile/, 'pg_basebackup has nothing to say about it');
ok(-f $node->backup_dir . '/copy/PG_VERSION', 'there is a backup');
ok(!-e $node->backup_dir . '/copy/pgsql_tmp_tensile', 'the backup leaves the run directory out');

# The engine is killed.
my $postmaster = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/ ? $1 : '';
my $bystander = $node->background_psql('postgres');
my $bystander_pid = $bystander->query_safe('SELECT pg_backend_pid()');
$bystander->query_safe('BEGIN; CREATE TEMP TABLE kept AS SELECT 42 AS answer');
my $user = $node->background_psql('postgres');
$user->query_safe('SELECT count(*) FROM tensile.methods');
kill 'KILL', $engine;
my $successor = wait_for_other_engine($node, $engine);
is(join(' ', processes_of($node, 'tensile-engine')), $successor, 'there is one engine again');
is(status($node, 'restarts'), 1, 'the restart is counted');
like(status($node, 'last_failure'), qr/\(PID $engine\) was terminated by signal 9/, 'the status tells how it ended');
is($bystander->query_safe('SELECT answer FROM kept'), 42, 'a session that did not use the engine goes on in its transaction');
is($bystander->query_safe('SELECT pg_backend_pid()'), $bystander_pid, 'it is the same session');
cmp_ok($user->query_safe('SELECT count(*) FROM tensile.methods'), '>', 0, 'a session that had used it reaches the new one');
$bystander->quit;
$user->quit;
is(slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/ ? $1 : '', $postmaster, 'the postmaster is the same');
no_crash($node, 'no other process was restarted');

# Killed several times in a row, it still comes back.
for (1 .. 3)
{
	kill 'KILL', $successor;
	$successor = wait_for_other_engine($node, $successor);
}
cmp_ok(status($node, 'restarts'), '>=', 4, 'each restart is counted');

# The supervisor is terminated by a superuser, and the postmaster starts it again.
my $supervisor = status($node, 'supervisor_pid');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($supervisor)");
ok($node->poll_query_until('postgres',
		"SELECT state = 'running' AND supervisor_pid <> $supervisor FROM tensile.engine_status()"),
	'another supervisor takes over');
is(scalar(processes_of($node, 'tensile-engine')), 1, 'the old engine is gone');

# Stopping and restarting on request.
$engine = status($node, 'engine_pid');
my $restarted = $node->safe_psql('postgres', 'SELECT tensile.restart_engine()');
isnt($restarted, $engine, 'restart_engine() brings another engine');
is(status($node, 'engine_pid'), $restarted, 'and returns its process id');
is(status($node, 'last_failure IS NULL'), 't', 'that is no failure');
is($node->safe_psql('postgres', 'SELECT tensile.stop_engine()'), 't', 'stop_engine() stops it');
is(scalar(processes_of($node, 'tensile-engine')), 0, 'no engine is left');
is($node->safe_psql('postgres', 'SELECT tensile.stop_engine()'), 'f', 'a second stop_engine() finds nothing to stop');
like(status($node, "state || ': ' || detail"), qr/^stopped: .*tensile\.stop_engine/, 'the status says why');
is($node->safe_psql('postgres', 'SELECT count(*) FROM tensile.pool'), 0, 'monitoring shows nothing');
is(sqlstate_of($node, 'TABLE tensile.methods'), '55000', 'a call does not start what was stopped on purpose');
cmp_ok($node->safe_psql('postgres', 'SELECT tensile.restart_engine()'), '>', 0, 'restart_engine() starts it');
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM tensile.methods'), '>', 0, 'and it serves');

# Rights.
$node->safe_psql('postgres', 'CREATE ROLE reader LOGIN');
my @as_reader = (extra_params => [ '-U', 'reader' ]);
is(sqlstate_of($node, 'SELECT tensile.stop_engine()', @as_reader), '42501', 'not everybody may stop the engine');
is(sqlstate_of($node, 'SELECT tensile.restart_engine()', @as_reader), '42501', 'nor restart it');
is(sqlstate_of($node, 'SELECT * FROM tensile.engine_status()', @as_reader), '00000', 'everybody may see its state');
is(sqlstate_of($node, "TABLE tensile.$_", @as_reader), '00000', "and tensile.$_") foreach qw(pool tensors progress methods);

# It outlives the extension, which only names it in one database.
$engine = wait_for_engine($node);
$node->safe_psql('postgres', 'DROP EXTENSION tensile');
is(join(' ', processes_of($node, 'tensile-engine')), $engine, 'DROP EXTENSION leaves the engine to other databases');
$node->safe_psql('postgres', 'CREATE DATABASE other');
is($node->safe_psql('other', 'CREATE EXTENSION tensile; SELECT engine_pid FROM tensile.engine_status()'),
	$engine, 'which use the same one');
$node->safe_psql('postgres', 'DROP DATABASE other');

# The end of the server.
$node->stop('fast');
is(scalar(processes_of($node, 'tensile-engine')), 0, 'a fast shutdown leaves no engine');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION tensile');
$engine = wait_for_engine($node);
$node->stop('immediate');
is(processes_left($node), 0, 'an immediate shutdown leaves no engine');
$node->start;
isnt(wait_for_engine($node), $engine, 'after a crash of the server there is a new engine');
is(status($node, 'last_failure IS NULL'), 't', 'which knows nothing of the old one');
$postmaster = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/ ? $1 : '';
$node->kill9;
is(processes_left($node), 0, 'the engine does not outlive a postmaster that is killed');
for (1 .. 100)
{
	# Until it has been reaped, its id looks like that of a server.
	last if !kill 0, $postmaster;
	sleep 0.1;
}
$node->start;
wait_for_engine($node);
$node->stop;

done_testing();
