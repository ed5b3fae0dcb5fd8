using System.Text.Json;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Runs;
using Livebed.Driver.Tests;
using Livebed.Driver.Tests.EndToEnd;

namespace Livebed.EndToEnd.Tests;

/// <summary>`livebed run` with a nemesis: a host dies and comes back, and nothing but its VMs is lost. Longer runs of all faults are in
/// tests/Faults.</summary>
public sealed class NemesisRunTests
{
    private const string Campaign = """
        silos: 2
        placement: packed
        duration: 4s
        warmup: 200ms
        pageSize: 256
        memory: 4MiB
        vms:
          - { name: a, count: 2, guest: { bytesPerVcpu: 16KiB, rate: 500 }, dirtyLog: initially-set }
        hostEvents: { rate: 10, maxPages: 8 }
        migrations: { rate: 1, maxBandwidth: 2MiB/s }
        nemesis: { interval: 2s, count: 1, vary: 0, mix: { kill: 1 }, lengths: { kill: 200ms } }
        minimum: { accesses: 100, deliveredShare: 0 }
        """;

    [Fact]
    public async Task A_host_that_dies_costs_its_VMs_and_nothing_else()
    {
        using var folder = new TemporaryFolder();
        folder.Write("nemesis.yaml", Campaign);
        var (exitCode, output, errors) = await CommandProcess.RunAsync(
            folder.FullPath, "run", "nemesis.yaml", "--processes", "--seed", "1");
        Assert.Equal("", errors);
        Assert.True(exitCode == ExitCodes.Valid, output);
        var run = StoredRun.In(folder.PathOf("runs"));
        var kill = Assert.Single(run.Results.Nemesis);
        Assert.Equal(("kill", "silo-1", null), (kill.Fault, kill.Target, kill.Problem));
        Assert.NotEmpty(kill.Lost);
        Assert.All(kill.Lost, vm => Assert.EndsWith("@host-1", vm.Actor, StringComparison.Ordinal));
        var records = run.History.Where(record => record.GetProperty("f").GetString() == "nemesis").ToList();
        Assert.Equal(["invoke", "ok"], records.Select(record => record.GetProperty("type").GetString()));
        Assert.All(kill.Lost, vm => Assert.Contains(
            records, record => record.GetProperty("value").GetString()!.Contains(vm.Actor, StringComparison.Ordinal)));
        Assert.Contains("VMs lost", output, StringComparison.Ordinal);

        // On the timeline, from when it began, and in the page that draws it.
        var charts = RunCharts.Read(await File.ReadAllBytesAsync(run.PathOf(RunFolder.ChartsFile)));
        var mark = Assert.Single(charts.Marks, mark => mark.Kind == "nemesis");
        Assert.StartsWith("kill silo-1 ", mark.Text, StringComparison.Ordinal);
        Assert.InRange(charts.BeganMicroseconds + mark.At, kill.BeganMicroseconds, kill.EndedMicroseconds);
        Assert.Contains(
            JsonSerializer.Serialize(mark.Text), await File.ReadAllTextAsync(run.PathOf(RunFolder.ReportFile)), StringComparison.Ordinal);
    }
}
