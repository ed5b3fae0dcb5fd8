using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Tests.Host;
using Livebed.Kvm.Tests.Host.Streams;

namespace Livebed.Kvm.Tests.Migration;

/// <summary>The destination of a migration while something else happens: the inventory is replaced, the source goes, or asks
/// twice.</summary>
public class IncomingMigrationTests
{
    private const string Vm = "vm";

    private readonly StreamRig _rig = new(new TestWorld());
    private readonly RecordedProcess _process = new();
    private readonly SlowStreamPort _host;
    private readonly VmInventory _register;
    private readonly PlainInventory _inventory;
    private readonly HostOwnership _source;
    private readonly HostOwnership _destination;

    public IncomingMigrationTests()
    {
        _host = new SlowStreamPort(_rig.To);
        _register = new VmInventory(_rig.World);
        _inventory = new PlainInventory(_register);
        (_source, _destination) = (new HostOwnership(_rig.World, "host-0"), new HostOwnership(_rig.World, "host-1"));
    }

    /// <summary>Found by <c>migration-inventory-dies</c>: the VM stood still for ever, although the new inventory knew its owner.</summary>
    [Fact]
    public void A_grant_of_an_inventory_that_is_replaced_meanwhile_is_asked_for_again() => Run(async migration =>
    {
        _inventory.ReplacedAfterClaim = () =>
        {
            var later = new VmInventory(_rig.World, term: 2);
            foreach (var host in new[] { _source, _destination })
                foreach (var (vm, epoch) in host.Report(2)!)
                    later.Restore(vm, host.Host, epoch);
            return later;
        };
        Assert.Equal(StreamStatus.Ok, await migration.TakeOverAsync(_rig.Op(), new DeviceState([], [], [])));
        Assert.True(_process.Runs);
        var epoch = VmEpoch.Next(VmEpoch.First, generation: 2);
        Assert.True(_destination.Owns(Vm, epoch));
        var owner = await _inventory.FindAsync(_rig.Op(), Vm);
        Assert.Equal(("host-1", epoch), (owner.Host, owner.Epoch));
    });

    /// <summary>Found by <c>migration-source-dies</c>: M1 was raised of memory that was just being taken down.</summary>
    [Fact]
    public void Memory_that_is_dropped_while_it_is_compared_is_not_judged() => Run(compares: false, body: async migration =>
    {
        await _rig.Source.WriteAsync(StreamRig.Ram.Start, 0xabc);
        _host.BeforeImage = async () => await migration.SourceGoneAsync(_rig.Op());
        Assert.Equal(
            StreamStatus.Refused, await migration.CompareAsync(_rig.Op(), await ImageAsync() with { Stale = new PageSet(StreamRig.Ram) }));
        Assert.True(_process.IsDropped);
    });

    [Fact]
    public void A_source_that_asks_again_for_the_last_word_before_it_was_said_hears_how_long_vcpus_waited() => Run(async migration =>
    {
        Assert.Equal(StreamStatus.Ok, await migration.TakeOverAsync(_rig.Op(), new DeviceState([], [], [StreamRig.AllPages])));
        await _rig.From.OpenStreamAsync(_rig.Op(), StreamRig.Stream, "host-1", 0, new StreamBandwidth(0));
        var header = new ChunkHeader(StreamRig.Stream, 1, 0, 0, StreamPhase.Postcopy);
        Assert.Equal(
            StreamStatus.Ok, (await _rig.From.SendAsync(_rig.Op(), header, StreamRig.AllPages)).Status);
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _host.BeforeEnd = () => end.Task;
        var (first, second) = (migration.FinishAsync(_rig.Op()).AsTask(), migration.FinishAsync(_rig.Op()).AsTask());
        Assert.False(second.IsCompleted);
        end.SetResult();
        var (answer, again) = (await first, await second);
        Assert.Equal(StreamStatus.Ok, again.Status);
        Assert.Same(answer.Blocktime, again.Blocktime);
        Assert.NotSame(PostcopyBlocktime.None, again.Blocktime);
        Assert.Same(again.Blocktime, migration.Info.PostcopyBlocktime);
    });

    /// <summary>Found by <c>migration-repeats</c>: a comparison that arrived twice counted twice, and the VM was not taken over.</summary>
    [Fact]
    public void What_arrives_again_is_answered_as_it_was_and_not_done_again() => Run(compares: false, body: async migration =>
    {
        Assert.Equal(StreamStatus.Ok, await migration.PrepareAsync(_rig.Op(), Setup));
        var (image, looks) = (await ImageAsync(), 0);
        _host.BeforeImage = () =>
        {
            looks++;
            return Task.CompletedTask;
        };
        Assert.Equal(StreamStatus.Ok, await migration.CompareAsync(_rig.Op(), image));
        Assert.Equal(StreamStatus.Ok, await migration.CompareAsync(_rig.Op(), image));
        Assert.Equal(1, looks);
        Assert.Equal(StreamStatus.Ok, await migration.TakeOverAsync(_rig.Op(), new DeviceState([], [], [])));
        Assert.Equal(StreamStatus.Ok, await migration.CompareAsync(_rig.Op(), image));
        Assert.Equal(StreamStatus.Ok, await migration.PrepareAsync(_rig.Op(), Setup));
        Assert.Equal(StreamStatus.Refused, await migration.PrepareAsync(_rig.Op(), Setup with { Stream = StreamRig.Stream + 1 }));
        Assert.Equal(1, looks);
    });

    private static MigrationSetup Setup { get; } =
        new(StreamRig.Stream, Vm, 1, "host-0", "host-1", 0, [StreamRig.Ram], HostRig.PageSize);

    private async Task<MemoryImage> ImageAsync() =>
        new(
            StreamRig.Ram, await _rig.From.ImageAsync(_rig.Op(), StreamRig.Ram), await _rig.From.SaveOracleAsync(_rig.Op(), StreamRig.Ram),
            StreamRig.AllPages);

    /// <summary>A migration that is prepared, all of its memory compared but where a test does that.</summary>
    private void Run(Func<IncomingMigration, Task> body, bool compares = true)
    {
        _rig.World.Run(async () =>
        {
            Assert.Equal(OwnershipStatus.Granted, _source.Record(Vm, _register.Register(Vm, "host-0")));
            var migration = new IncomingMigration(_rig.World, Vm, _host, _process, _inventory, _destination, new NoReturn());
            Assert.Equal(StreamStatus.Ok, await migration.PrepareAsync(_rig.Op(), Setup));
            if (compares) Assert.Equal(StreamStatus.Ok, await migration.CompareAsync(_rig.Op(), await ImageAsync()));
            await body(migration);
        });
        Assert.Empty(_rig.World.Recorded.Violations);
    }
}
