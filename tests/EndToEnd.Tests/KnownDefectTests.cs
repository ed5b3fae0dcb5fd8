using Livebed.Driver.Analyzing;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Runs;
using Livebed.Driver.Tests;
using Livebed.Driver.Tests.EndToEnd;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.Locks;

namespace Livebed.EndToEnd.Tests;

/// <summary>Verdicts on what is known to be broken: the seed's deadlock and a teardown that never ends, each with its witness.</summary>
public sealed class KnownDefectTests
{
    private const string NestedRanges = """
        silos: 2
        pageSize: 256
        vms:
          - { vcpus: 1, guest: { bytesPerVcpu: 16KiB, rate: 1000 }, hotplugPages: 16, dirtyLog: none }
        hostEvents: { rate: 100, spuriousShare: 0, maxPages: 16, hold: 5ms, mix: { nested-range: 1 } }
        memslotUpdates: { rate: 50 }
        minimum: { accesses: 1, deliveredShare: 0 }
        """;

    private const string Teardowns = """
        silos: 2
        pageSize: 256
        vms:
          - { vcpus: 1, guest: { bytesPerVcpu: 16KiB, rate: 1000 }, dirtyLog: none }
        teardowns: { rate: 4, path: vm-first, insideRange: 1, sharesAddressSpace: 1 }
        """;

    [Fact]
    public async Task Nested_ranges_deadlock_under_rwsem_with_a_witness_of_operations_and_lock_in_the_warm_up_too()
    {
        using var folder = new TemporaryFolder();
        folder.Write("nested.yaml", NestedRanges);
        var (exitCode, output, errors) = await CommandProcess.RunAsync(
            folder.FullPath, "run", "nested.yaml", "--protocol", "rwsem", "--duration", "15s", "--set", "warmup=15s");
        Assert.Equal("", errors);
        Assert.True(exitCode == ExitCodes.Invalid, output);
        var run = Assert.Single(Directory.GetDirectories(folder.PathOf("runs")));
        var results = StoredRun.In(folder.PathOf("runs")).Results;
        Assert.Equal(VerdictKind.Invalid, results.Verdict);
        Assert.InRange(results.DurationSeconds, 0, 15);
        Assert.Null(results.WarmupSeconds);
        var hang = results.Hangs.First(found => found.Kind == HangKind.Deadlock);
        Assert.True(hang.Operations.Count >= 2, string.Join('\n', hang.Witness));
        Assert.Contains(hang.Witness, line => line.Contains("NestedRange", StringComparison.Ordinal));
        Assert.Contains(hang.Witness, line => line.Contains("Memslot", StringComparison.Ordinal));
        Assert.Contains(hang.Witness, line => line.Contains("mmu_notifier_slots_lock", StringComparison.Ordinal));
        Assert.Contains(results.Reasons, reason => reason.StartsWith("Deadlock", StringComparison.Ordinal));
        Assert.Contains("mmu_notifier_slots_lock", output, StringComparison.Ordinal);

        // The waits of each deadlock are in the traces, though they never end.
        var traces = TraceAnalysis.Of(new TraceReader(Path.Combine(run, RunFolder.TracesFile), RunFolder.TracesFile), 0, default);
        var waits = traces.Waits.Longest(int.MaxValue);
        Assert.All(results.Hangs.Where(found => found.Kind == HangKind.Deadlock), found =>
        {
            var span = Assert.Single(
                traces.Violations, one => one.Attributes.Text(AttributeNames.ViolationMessage) == found.Message);
            Assert.All(found.Operations, operation => Assert.Contains(
                waits, wait => wait.TraceId == span.TraceId && wait.Waiter == operation && wait.Microseconds > 0));
        });
    }

    [Fact]
    public async Task Nested_ranges_are_fine_under_rwsem_unfair()
    {
        using var folder = new TemporaryFolder();
        folder.Write("nested.yaml", NestedRanges);
        var (exitCode, output, errors) = await CommandProcess.RunAsync(
            folder.FullPath, "run", "nested.yaml", "--protocol", "rwsem-unfair", "--duration", "2s");
        Assert.Equal("", errors);
        Assert.True(exitCode == ExitCodes.Valid, output);
        var counts = StoredRun.In(folder.PathOf("runs")).Results.Counts;
        Assert.True(counts.NotifierRanges > 10 && counts.MemslotUpdates > 1, output);
    }

    [Fact]
    public async Task A_teardown_inside_of_a_range_that_is_not_reset_never_ends_and_is_found()
    {
        using var folder = new TemporaryFolder();
        folder.Write("teardowns.yaml", Teardowns);
        var (exitCode, output, errors) = await CommandProcess.RunAsync(
            folder.FullPath, "run", "teardowns.yaml", "--mutant", "no-reset-at-destroy", "--duration", "15s");
        Assert.Equal("", errors);
        Assert.True(exitCode == ExitCodes.Invalid, output);
        var results = StoredRun.In(folder.PathOf("runs")).Results;
        Assert.Equal("no-reset-at-destroy", results.Mutant);
        Assert.InRange(results.DurationSeconds, 0, 15);
        var found = results.Hangs.Select(hang => hang.Invariant).Concat(results.Violations.Select(violation => violation.Invariant));
        Assert.Contains("L3", found);
        Assert.Contains(results.Hangs, hang => hang.Witness.Any(line => line.Contains("VmDestroy", StringComparison.Ordinal)));
    }
}
