using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Tests;
using Livebed.Driver.Tests.EndToEnd;

namespace Livebed.EndToEnd.Tests;

/// <summary>`livebed run` with hundreds of VMs in one process.</summary>
public sealed class ManyVmsRunTests
{
    private const string ManyVms = """
        silos: 2
        pageSize: 256
        memory: 16MiB
        duration: 2s
        warmup: 500ms
        vms: [{ name: small, count: 600, tlbEntries: 16, guest: { bytesPerVcpu: 1KiB, rate: 2, writePercent: 50 } }]
        minimum: { accesses: 600, deliveredShare: 0.2 }
        """;

    [Fact]
    public async Task Hundreds_of_VMs_begin_together_in_a_process_that_collects_seldom_and_nothing_is_left_of_them()
    {
        using var folder = new TemporaryFolder();
        folder.Write("many.yaml", ManyVms);
        using var run = CommandProcess.Start(folder.FullPath, "run", "many.yaml");
        await run.SaysAsync("creating 600 VMs");
        Assert.Contains("DOTNET_GCGen0MaxBudget=20000000", run.Variables);
        var exitCode = await run.EndAsync();
        Assert.Equal("", run.Errors);
        Assert.True(exitCode == ExitCodes.Valid, run.Out);
        var results = StoredRun.In(folder.PathOf("runs")).Results;
        Assert.All(LeakResult.Kinds, kind => Assert.Equal(0, kind.Read(results.Leaks)));
        Assert.True(results.LatencyMicroseconds["fault"].Count > 0);
    }
}
