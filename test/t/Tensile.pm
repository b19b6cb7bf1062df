# What the TAP tests share: servers with the extension, and the state of their engine.
package Tensile;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(new_server status wait_for_engine wait_for_other_engine processes_of run_files no_crash sqlstate_of);

# A server that has been initialized but not started. Options: preload (default 1), settings (lines of postgresql.conf),
# replicates (lets a standby follow).
sub new_server
{
	my ($name, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(allows_streaming => $options{replicates} // 0);
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'tensile'") if $options{preload} // 1;
	# The tests look at processes, not at speed.
	$node->append_conf('postgresql.conf', "tensile.pool_size = '64MB'\ntensile.host_memory = '64MB'");
	$node->append_conf('postgresql.conf', $options{settings}) if $options{settings};
	return $node;
}

# One column of tensile.engine_status().
sub status
{
	my ($node, $column) = @_;
	return $node->safe_psql('postgres', "SELECT $column FROM tensile.engine_status()");
}

# Waits until an engine serves; its process id.
sub wait_for_engine
{
	my ($node) = @_;
	$node->poll_query_until('postgres', "SELECT state = 'running' FROM tensile.engine_status()")
	  or die 'no engine came up';
	return status($node, 'engine_pid');
}

# Waits until an engine other than the given one serves; its process id.
sub wait_for_other_engine
{
	my ($node, $old) = @_;
	$node->poll_query_until('postgres',
		"SELECT state = 'running' AND engine_pid <> $old FROM tensile.engine_status()")
	  or die 'no other engine came up';
	return status($node, 'engine_pid');
}

# The ids of the processes of that name whose current directory is the server's data directory.
sub processes_of
{
	my ($node, $name) = @_;
	my $data = abs_path($node->data_dir);
	my @found;
	foreach my $folder (glob '/proc/[0-9]*')
	{
		my $directory = readlink "$folder/cwd";
		next unless defined $directory && $directory eq $data;
		open my $file, '<', "$folder/comm" or next;
		my $command = <$file> // '';
		close $file;
		chomp $command;
		push @found, $folder =~ s{.*/}{}r if $command eq $name;
	}
	return @found;
}

# The names in the run directory.
sub run_files
{
	my ($node) = @_;
	opendir my $directory, $node->data_dir . '/pgsql_tmp_tensile' or return;
	my @names = sort grep { !/^\.\.?$/ } readdir $directory;
	closedir $directory;
	return @names;
}

# Nothing in the server's log tells of a restart of other processes.
sub no_crash
{
	my ($node, $name) = @_;
	my $log = slurp_file($node->logfile);
	unlike($log, qr/terminating any other active server processes|was not properly shut down/, $name);
}

# The sqlstate that a statement ends with; '00000' when it succeeds.
sub sqlstate_of
{
	my ($node, $statement, %options) = @_;
	my ($status, $output, $error) =
	  $node->psql('postgres', $statement, extra_params => [ '-v', 'VERBOSITY=verbose', @{ $options{extra_params} // [] } ]);
	return $error =~ /(?:ERROR|FATAL):  ([0-9A-Z]{5}):/ ? $1 : $status == 0 ? '00000' : "no sqlstate in: $error";
}

1;
