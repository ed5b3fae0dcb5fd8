using Livebed.Driver.CampaignFiles;
using Livebed.Driver.Campaigns;
using Livebed.Driver.Running;
using Livebed.Driver.Running.Nemesis;
using Livebed.Driver.Runs;
using Livebed.Driver.Tests.EndToEnd;
using Livebed.Grains.Contracts;
using Livebed.Grains.Hosting;
using Livebed.Grains.Placement;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.World;

namespace Livebed.Driver.Tests.Running;

/// <summary>What is known of a migrating VM when its source's host dies: where it is decides its migration, which must not be told of the
/// death before the fleet is.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class KillFaultTests
{
    [Fact]
    public async Task A_migration_whose_call_fails_with_the_silo_knows_that_its_source_has_died()
    {
        await using var bed = await Bed.StartAsync();
        var move = bed.Fleet.BeginMove(new SeededRandom(1))!;
        var processes = new Processes(() => bed.Fleet.HasSourceDied(move));

        await new KillFault(processes, bed.Loss, ActorKeys.Silo(move.Source), move.Source).BeginAsync(CancellationToken.None);
        Assert.Equal(1, processes.Kills);
        Assert.True(processes.WasKnown);
        Assert.True(bed.Fleet.IsInDoubt(move.Source));
        Assert.Empty(bed.Fleet.LostOf(move.Source, bed.Fleet.DeathsOf(move.Source)));

        // Until its migration has found out where it is, nothing else is asked of it.
        Assert.NotSame(move.Slot, bed.Fleet.Take(new SeededRandom(1), slot => slot == move.Slot));
    }

    [Fact]
    public async Task A_host_that_is_back_and_not_made_yet_holds_nothing()
    {
        await using var bed = await Bed.StartAsync();
        var host = bed.Grains.GetGrain<IHostMmuGrain>(ActorKeys.Host(5));
        var op = OperationMessage.From(new Operation(new OperationId(1), OperationKind.Audit));
        var unmap = new HostEvent(HostEventKind.Unmap, AddressSpaceId: 1, new HvaRange(new Hva(0), 1), HoldMicroseconds: 0);
        Assert.Equal(HostEventResult.NoAddressSpace, await host.RunEventAsync(op, unmap));
        Assert.Equal(HostEventResult.NoAddressSpace, await host.OpenRangeAsync(op, unmap));
        Assert.Equal(HostEventResult.NoAddressSpace, await host.CloseRangeAsync(op));
    }

    [Fact]
    public async Task A_vm_whose_migration_failed_while_its_source_died_is_lost_with_it()
    {
        await using var bed = await Bed.StartAsync();
        var move = bed.Fleet.BeginMove(new SeededRandom(1))!;
        bed.Fleet.HostDies(move.Source);
        bed.Fleet.EndMove(move);
        Assert.Equal(move.SourceKey, Assert.Single(bed.Fleet.LostOf(move.Source, death: 1)).Actor);
        Assert.True(move.Slot.IsLost);
    }

    [Fact]
    public async Task A_vm_that_had_gone_over_is_not_lost_with_its_source()
    {
        await using var bed = await Bed.StartAsync();
        var move = bed.Fleet.BeginMove(new SeededRandom(1))!;
        bed.Fleet.HostDies(move.Source);
        bed.Fleet.Follow(move);
        bed.Fleet.EndMove(move);
        Assert.Empty(bed.Fleet.LostOf(move.Source, death: 1));
        Assert.Equal((false, move.Key), (move.Slot.IsLost, move.Slot.Key));
    }

    /// <summary>Two VMs that may migrate, on two hosts.</summary>
    private sealed class Bed : IAsyncDisposable
    {
        private readonly TemporaryFolder _folder = new();
        private readonly EmbeddedCluster _cluster;
        private readonly HistoryWriter _history;

        private Bed(EmbeddedCluster cluster, Campaign campaign)
        {
            _cluster = cluster;
            _history = new HistoryWriter(_folder.PathOf("history.jsonl"), recordsMax: 10_000);
            _history.Open(LoadLedger.DriverSilo);
            _history.Open(Supervisor.ClusterStream);
            var (clock, ids, reports) = (new RunClock(TimeProvider.System), new OperationIds(origin: 0), new ReportLedger());
            Fleet = new Fleet(campaign, cluster.Client, ids);
            var supervisor = new Supervisor(
                Fleet, reports, new LoadLedger(_history, clock), _history, clock, campaign.Limits.Starvation, cluster);
            Loss = new HostLoss(Fleet, supervisor, clock);
        }

        public Fleet Fleet { get; }

        public HostLoss Loss { get; }

        public IGrainFactory Grains => _cluster.Client;

        public static async Task<Bed> StartAsync()
        {
            using var folder = new TemporaryFolder();
            var campaign = new CampaignReader(new(folder.FullPath, folder.FullPath), _ => 1).Read(
                folder.Write("two.yaml", "duration: 1s\nseed: 1\nsilos: 2\nplacement: packed\npageSize: 256\nvms:\n"
                    + "  - { count: 2, vcpus: 1, guest: { bytesPerVcpu: 4KiB, rate: 10 } }\nmigrations: { rate: 1 }\n"), []);
            var cluster = await EmbeddedCluster.StartAsync(new ClusterSettings
            {
                Silos = 2,
                Placement = PlacementMode.Packed,
                SampleRatio = 0,
            });
            var bed = new Bed(cluster, campaign);
            await bed.Fleet.BringUpAsync();
            return bed;
        }

        public async ValueTask DisposeAsync()
        {
            await _cluster.DisposeAsync();
            _history.Dispose();
            _folder.Dispose();
        }
    }

    /// <param name="isKnown">asked when a call to the dead silo may fail for the first time</param>
    private sealed class Processes(Func<bool> isKnown) : ISiloProcesses
    {
        public int Kills { get; private set; }

        public bool WasKnown { get; private set; }

        public SiloFates Fates { get; } = new();

        public Task KillAsync(string silo)
        {
            (Kills, WasKnown) = (Kills + 1, isKnown());
            Fates.Fell(silo);
            return Task.CompletedTask;
        }

        public Task DeclareDeadAsync(string silo) => Task.CompletedTask;

        public Task RestartAsync(string silo, CancellationToken cancellationToken) => throw new NotSupportedException();

        public void Stop(string silo, TimeSpan atMost) => throw new NotSupportedException();

        public void Continue(string silo) => throw new NotSupportedException();

        public bool IsStopped(string silo) => false;
    }
}
