using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Livebed.Driver.Analyzing;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Runs;
using Livebed.Driver.Tests;
using Livebed.Driver.Tests.EndToEnd;
using Livebed.Kvm.Migration;

namespace Livebed.EndToEnd.Tests;

/// <summary>A cluster that outlives runs: up, runs on it, a silo that is missing, down. Needs redis-server.</summary>
public sealed class ClusterTests
{
    private const string Campaign = """
        duration: 1s
        warmup: 0s
        silos: 3
        pageSize: 256
        vms:
          - { count: 2, vcpus: 1, guest: { bytesPerVcpu: 8KiB, rate: 500 }, dirtyLog: bitmap }
        hostEvents: { rate: 20, maxPages: 8 }
        migrations: { rate: 4 }
        telemetry: { sampleRatio: 1, retriesPromoted: 1 }
        minimum: { accesses: 10, deliveredShare: 0 }
        """;

    [NeedsRedisFact]
    public async Task A_cluster_serves_one_run_after_the_other_and_no_run_begins_without_all_of_its_silos()
    {
        using var folder = new TemporaryFolder();
        folder.Write("c.yaml", Campaign);
        try
        {
            var (exitCode, output, errors) = await CommandProcess.RunAsync(folder.FullPath, "cluster", "up", "--silos", "3");
            Assert.True(exitCode == ExitCodes.Valid, output + errors);
            Assert.Equal("", errors);
            var first = await ValidAsync(folder, "first", "--placement", "packed");
            Assert.DoesNotContain(first.LimitsHit, hit => hit.Limit == "silosLeft");
            var silos = await StatusAsync(folder);
            Assert.Equal(["ready", "ready", "ready"], silos.Select(silo => silo.GetProperty("state").GetString()));

            // The second run finds silos as they were: the first one's hosts and operations are not in its way.
            var second = await ValidAsync(folder, "second", "--placement", "spread");
            Assert.Equal(["silo-0", "silo-1", "silo-2"], second.Silos.Select(silo => silo.Name));

            // A silo without a run leaves at once.
            using (var leaving = Process.GetProcessById(silos[2].GetProperty("process").GetInt32()))
            {
                Assert.Equal(0, Kill(leaving.Id, signal: 15));
                await leaving.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
            }

            // A run without all of its silos does not begin. On a machine with too much to do others are late, and named too.
            (exitCode, output, errors) = await CommandProcess.RunAsync(
                folder.FullPath, "run", "c.yaml", "--connect", "--join-timeout", "10");
            Assert.True(exitCode == ExitCodes.Unknown, output + errors);
            Assert.Matches(
                @"^[0-2] of 3 silos joined the cluster livebed within [0-9]+ s; missing: (silo-[01], )*silo-2( \(.*\))?\n$", errors);
        }
        finally
        {
            var (exitCode, output, errors) = await CommandProcess.RunAsync(folder.FullPath, "cluster", "down");
            Assert.True(exitCode == ExitCodes.Valid, output + errors);
            Assert.False(File.Exists(folder.PathOf(Path.Combine(".livebed", "cluster.json"))));
        }
    }

    [NeedsRedisFact]
    public Task A_silo_that_is_asked_to_end_in_a_run_leaves_when_its_VMs_have_moved_to_other_hosts() => LeavesARunAsync(2);

    [NeedsRedisFact]
    public Task So_does_the_first_which_has_the_inventory_besides() => LeavesARunAsync(0);

    private static async Task LeavesARunAsync(int silo)
    {
        using var folder = new TemporaryFolder();
        folder.Write("c.yaml", Campaign.Replace("count: 2", "count: 6", StringComparison.Ordinal));
        try
        {
            var (exitCode, output, errors) = await CommandProcess.RunAsync(folder.FullPath, "cluster", "up", "--silos", "3");
            Assert.True(exitCode == ExitCodes.Valid, output + errors);
            var silos = await StatusAsync(folder);
            using var leaving = Process.GetProcessById(silos[silo].GetProperty("process").GetInt32());
            using var run = CommandProcess.Start(folder.FullPath, "run", "c.yaml", "--connect", "--duration", "15s");
            await run.SaysAsync("running");
            Assert.Equal(0, Kill(leaving.Id, signal: 15));
            await leaving.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
            Assert.False(run.HasExited, "the silo left with the run, and not before");
            exitCode = await run.EndAsync();
            Assert.True(exitCode == ExitCodes.Valid, run.Out + run.Errors);
            var stored = StoredRun.In(folder.PathOf("runs"));
            stored.EveryOperationEnded();
            var left = Assert.Single(stored.Results.LimitsHit, hit => hit.Limit == "silosLeft");
            Assert.Equal($"silo-{silo} was asked to end and left the run when its VMs had moved to other hosts", left.Message);
            Assert.Contains(stored.Results.Migrations, one => one.Source == $"host-{silo}" && one.Status == MigrationStatus.Completed);
        }
        finally
        {
            await CommandProcess.RunAsync(folder.FullPath, "cluster", "down");
        }
    }

    private static async Task<RunResults> ValidAsync(TemporaryFolder folder, string name, params string[] options)
    {
        var (exitCode, output, errors) = await CommandProcess.RunAsync(
            folder.FullPath, ["run", "c.yaml", "--connect", "--out", name, .. options]);
        Assert.True(exitCode == ExitCodes.Valid, output + errors);
        var stored = StoredRun.In(folder.PathOf(name));
        Assert.Equal(VerdictKind.Valid, stored.Results.Verdict);
        stored.EveryOperationEnded();
        stored.CountsAreThoseOfTheHistory();
        CheckTraces(Directory.GetDirectories(folder.PathOf(name)).Single());
        return stored.Results;
    }

    /// <summary>The file has the spans of all silos in whole trees, and no tree that is too large for a viewer.</summary>
    private static void CheckTraces(string run)
    {
        var path = Path.Combine(run, RunFolder.TracesFile);
        var spans = new TraceReader(path, path).Read(CancellationToken.None).ToList();
        Assert.Equal(["driver", "silo-0", "silo-1", "silo-2"], spans.Select(span => span.Instance).Distinct().Order());
        var byId = spans.ToDictionary(span => span.SpanId);
        foreach (var span in spans.Where(span => span.ParentId is not null))
            Assert.Equal(span.TraceId, Assert.Contains(span.ParentId!, (IReadOnlyDictionary<string, SpanRecord>)byId).TraceId);
        Assert.Contains(spans, span => span.ParentId is { } parent && byId[parent].Instance != "driver"
            && byId[parent].Instance != span.Instance);
        Assert.All(spans.Where(span => span.ParentId is null), root => Assert.Matches(@"^(kvm|livebed)\.", root.Name));
        Assert.All(spans.GroupBy(span => span.TraceId), trace => Assert.InRange(trace.Count(), 1, 499));
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);

    private static async Task<IReadOnlyList<JsonElement>> StatusAsync(TemporaryFolder folder)
    {
        var (_, output, _) = await CommandProcess.RunAsync(folder.FullPath, "cluster", "status", "--json");
        using var document = JsonDocument.Parse(output);
        return [.. document.RootElement.Clone().EnumerateArray()];
    }
}
