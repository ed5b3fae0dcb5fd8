using System.Text.Json;
using Livebed.Driver.Errors;
using Livebed.Driver.Tests;
using Livebed.Driver.Tests.EndToEnd;
using Livebed.Grains.Tests.Security;
using Livebed.Kvm.Migration;

namespace Livebed.EndToEnd.Tests;

/// <summary>A campaign on a cluster with certificates: its migrations' pages go over TLS too. Needs redis-server.</summary>
public sealed class TlsRunTests
{
    private const string Campaign = """
        duration: 2s
        warmup: 0s
        silos: 2
        pageSize: 256
        vms:
          - { count: 2, vcpus: 1, guest: { bytesPerVcpu: 8KiB, rate: 500 }, dirtyLog: bitmap }
        migrations: { rate: 4 }
        minimum: { accesses: 10, deliveredShare: 0 }
        """;

    [NeedsRedisFact]
    public async Task A_campaign_with_migrations_runs_and_a_driver_of_another_authority_gets_no_answer()
    {
        using var folder = new TemporaryFolder();
        folder.Write("c.yaml", Campaign);
        using var authority = new ClusterAuthority("cluster");
        string[] files = Options(authority);
        try
        {
            var (exitCode, output, errors) = await CommandProcess.RunAsync(
                folder.FullPath, ["cluster", "up", "--silos", "2", .. files]);
            Assert.True(exitCode == ExitCodes.Valid, output + errors);

            // The folder's settings have the files.
            (exitCode, output, errors) = await CommandProcess.RunAsync(folder.FullPath, "run", "c.yaml", "--connect");
            Assert.True(exitCode == ExitCodes.Valid, output + errors);
            var stored = StoredRun.In(folder.PathOf("runs"));
            Assert.Contains(stored.Results.Migrations, one => one.Status == MigrationStatus.Completed);
            stored.EveryOperationEnded();

            using var other = new ClusterAuthority("cluster");
            (exitCode, output, errors) = await CommandProcess.RunAsync(
                folder.FullPath, ["run", "c.yaml", "--connect", "--join-timeout", "20", .. Options(other)]);
            Assert.True(exitCode == ExitCodes.Unknown, output + errors);
            Assert.Matches(
                @"^0 of 2 silos joined the cluster livebed within [0-9]+ s; missing: silo-0, silo-1 "
                    + @"\(.*its certificate is of another authority.*\)\n$",
                errors);
            (exitCode, _, errors) = await CommandProcess.RunAsync(
                folder.FullPath, "run", "c.yaml", "--connect", "--tls-key", "/nowhere/tls.key");
            Assert.Equal(ExitCodes.Usage, exitCode);
            Assert.StartsWith("--tls-key /nowhere/tls.key: there is no such file; allowed: ", errors, StringComparison.Ordinal);

            (_, output, _) = await CommandProcess.RunAsync(folder.FullPath, "cluster", "status", "--json");
            using var document = JsonDocument.Parse(output);
            Assert.Equal(
                ["ready", "ready"], document.RootElement.EnumerateArray().Select(silo => silo.GetProperty("state").GetString()));
        }
        finally
        {
            await CommandProcess.RunAsync(folder.FullPath, "cluster", "down");
        }
    }

    private static string[] Options(ClusterAuthority authority)
    {
        var (certificate, key) = authority.Issue("livebed");
        return ["--tls-certificate", certificate, "--tls-key", key, "--tls-authority", authority.File];
    }
}
