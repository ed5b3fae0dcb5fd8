using Livebed.Driver.CampaignFiles;
using Livebed.Driver.Running;
using Livebed.Driver.Runs;
using Livebed.Driver.Terminal;
using Livebed.Driver.Tests.EndToEnd;
using Livebed.Grains.Hosting;
using Livebed.Kvm.World;
using Microsoft.Extensions.DependencyInjection;

namespace Livebed.Driver.Tests.Running;

/// <summary>When a silo dies, Orleans may return a cancellation to the caller: that is no answer. It neither fails the bed nor counts as
/// work that was done.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class CancelledCallTests
{
    [Fact]
    public async Task Silos_whose_addresses_nobody_tells_are_named_all_the_same()
    {
        await using var cluster = await StartAsync(nameof(IManagementGrain.GetDetailedHosts), times: int.MaxValue);
        var silo = Assert.Single(await SiloInspector.InspectAsync(cluster));
        Assert.Equal(("silo-0", "", false), (silo.Name, silo.Address, silo.ContactLost));
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(int.MaxValue, true)]
    public async Task A_silo_that_does_not_answer_is_asked_again_before_it_is_lost(int cancelled, bool lost)
    {
        await using var cluster = await StartAsync(nameof(ISiloProbe.ReportAsync), cancelled);
        Assert.Equal(lost, Assert.Single(await SiloInspector.InspectAsync(cluster)).ContactLost);
    }

    [Theory]
    [InlineData("none", false)]
    [InlineData("AuditAsync", true)]
    [InlineData("DestroyAsync", true)]
    public async Task A_last_step_that_was_not_done_is_not_taken_for_done(string cancelled, bool isUnknown)
    {
        using var folder = new TemporaryFolder();
        await using var cluster = await StartAsync(cancelled, times: 1);
        var campaign = new CampaignReader(new(folder.FullPath, folder.FullPath), _ => 1).Read(
            folder.Write("idle.yaml", "duration: 1s\nseed: 1\nsilos: 1\npageSize: 256\nvms:\n  - { vcpus: 1, guest: { bytesPerVcpu: "
                + "4KiB, rate: 10 } }\n"), []);
        using var history = new HistoryWriter(folder.PathOf("history.jsonl"), recordsMax: 10_000);
        history.Open(LoadLedger.DriverSilo);
        history.Open(Supervisor.ClusterStream);
        var (clock, ids, reports) = (new RunClock(TimeProvider.System), new OperationIds(origin: 0), new ReportLedger());
        var load = new LoadLedger(history, clock);
        var fleet = new Fleet(campaign, cluster.Client, ids);
        await fleet.BringUpAsync();
        var supervisor = new Supervisor(fleet, reports, load, history, clock, campaign.Limits.Starvation, cluster);

        await new Settlement(fleet, reports, load, supervisor, ids, cluster, clock).FinishAsync(drained: true, new QuietProgress());
        Assert.Equal(isUnknown, supervisor.MustStop);
        Assert.Equal(isUnknown, load.Failures.Any(failure => failure.Contains("Cancel", StringComparison.Ordinal)));
    }

    private static Task<EmbeddedCluster> StartAsync(string method, int times) => EmbeddedCluster.StartAsync(new ClusterSettings
    {
        Silos = 1,
        SampleRatio = 0,
        ConfigureSilo = services => services.AddSingleton<IIncomingGrainCallFilter>(new CancelledCalls(method, times)),
    });

    private sealed class QuietProgress : IRunProgress
    {
        public void Phase(string name)
        {
        }

        public void Step(int done, int total)
        {
        }

        public void Report(ProgressSnapshot snapshot)
        {
        }
    }
}
