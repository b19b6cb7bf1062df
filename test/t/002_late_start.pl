# A server that has not preloaded the library: the first call that needs an engine has a supervisor started, and only one.
use strict;
use warnings;

use File::Basename qw(dirname);
use lib dirname(__FILE__);

use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Tensile;
use Test::More;

my $node = new_server('late', preload => 0);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION tensile');

# Looking does not start anything.
like(status($node, "state || ': ' || detail"), qr/^stopped: No supervisor is running/, 'the status says why no engine runs');
is($node->safe_psql('postgres', "SELECT count(*) FROM tensile.$_"), 0, "tensile.$_ is empty") foreach qw(pool tensors progress);
is(scalar(processes_of($node, 'tensile-engine')), 0, 'no engine has been started for that');

# Several first callers at once.
my @callers = map { $node->background_psql('postgres') } 1 .. 3;
$_->query_until(qr/asked/, "\\echo asked\nSELECT count(*) > 0 FROM tensile.methods;\n") foreach @callers;
foreach my $caller (@callers)
{
	$caller->quit;
}
my $engine = wait_for_engine($node);
is(join(' ', processes_of($node, 'tensile-engine')), $engine, 'three first callers get one engine');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'tensile supervisor'"),
	1, 'and one supervisor');
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM tensile.methods'), '>', 0, 'it serves');

# It is watched like any other.
kill 'KILL', $engine;
isnt(wait_for_other_engine($node, $engine), $engine, 'it is started again when it dies');

# The state that a server left behind does not mislead the next.
$node->safe_psql('postgres', 'SELECT tensile.stop_engine()');
$node->restart;
like(status($node, "state || ': ' || detail"), qr/^stopped: No supervisor/, 'after a restart of the server no engine runs');
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM tensile.methods'), '>', 0, 'but the next call may start it');
$node->stop('immediate');
$node->start;
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM tensile.methods'), '>', 0, 'also after a crash');

# No worker slot.
$node->append_conf('postgresql.conf', 'max_worker_processes = 0');
$node->restart;
is(sqlstate_of($node, 'TABLE tensile.methods'), '53000', 'without a worker slot the call fails');
my (undef, undef, $error) = $node->psql('postgres', 'TABLE tensile.methods');
like($error, qr/HINT:.*max_worker_processes/, 'and says which setting to raise');
is(sqlstate_of($node, 'SELECT * FROM tensile.engine_status()'), '00000', 'the status works all the same');
$node->stop;

done_testing();
