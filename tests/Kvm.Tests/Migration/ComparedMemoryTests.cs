using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Tests.Host;
using Livebed.Kvm.Tests.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Migration;

/// <summary>The destination of a migration that compares memory in two pieces.</summary>
public class ComparedMemoryTests
{
    private static readonly HvaRange First = new(HostRig.Ram, HostRig.RamPages / 2);
    private static readonly HvaRange Second = new(First.End, HostRig.RamPages / 2);

    private readonly StreamRig _rig = new(new TestWorld());
    private readonly RecordedProcess _process = new();

    [Fact]
    public void A_VM_is_taken_over_when_all_of_its_memory_has_been_compared_and_not_before() => Run(async (migration, op) =>
    {
        Assert.Equal(StreamStatus.Ok, await migration.CompareAsync(op, await ImageAsync(First)));
        Assert.Equal(StreamStatus.Refused, await migration.TakeOverAsync(op, new DeviceState([], [], [])));
        Assert.False(_process.Runs);
        Assert.Equal(StreamStatus.Ok, await migration.CompareAsync(op, await ImageAsync(Second)));
        Assert.Equal(StreamStatus.Ok, await migration.TakeOverAsync(op, new DeviceState([], [], [])));
        Assert.True(_process.Runs);
        Assert.Empty(_rig.World.Recorded.Violations);
    });

    [Fact]
    public void A_page_that_differs_is_named_in_whichever_piece_it_lies() => Run(async (migration, op) =>
    {
        await _rig.Source.WriteAsync(Second.Start + 3, 0xabc);
        await migration.CompareAsync(op, await ImageAsync(First));
        Assert.Empty(_rig.World.Recorded.Violations);
        await migration.CompareAsync(op, await ImageAsync(Second));
        var violation = Assert.Single(_rig.World.Recorded.Violations);
        Assert.Equal((Invariants.SameMemory, (Hva?)(Second.Start + 3)), (violation.Invariant, violation.Hva));
    });

    [Fact]
    public void A_page_that_is_to_follow_is_not_compared() => Run(async (migration, op) =>
    {
        await _rig.Source.WriteAsync(Second.Start + 3, 0xabc);
        await migration.CompareAsync(op, await ImageAsync(Second) with { Stale = PageSet.FromWords(Second, [1UL << 3]) });
        Assert.Empty(_rig.World.Recorded.Violations);
    });

    [Fact]
    public void The_oracle_goes_on_from_what_was_compared() => Run(async (migration, op) =>
    {
        await _rig.Source.WriteAsync(Second.Start + 3, 0xabc);
        await migration.CompareAsync(op, await ImageAsync(Second) with { Stale = PageSet.FromWords(Second, [1UL << 3]) });
        Assert.Equal(0xabcUL, (await _rig.To.SaveOracleAsync(op, Second))[3]);
    });

    private async Task<MemoryImage> ImageAsync(HvaRange pages) =>
        new(pages, await _rig.From.ImageAsync(_rig.Op(), pages), await _rig.From.SaveOracleAsync(_rig.Op(), pages), new PageSet(pages));

    private void Run(Func<IncomingMigration, Operation, Task> body) => _rig.World.Run(async () =>
    {
        var inventory = new PlainInventory(new VmInventory(_rig.World));
        await inventory.RegisterAsync(_rig.Op(), "vm", "host-0");
        var migration = new IncomingMigration(
            _rig.World, "vm", _rig.To, _process, inventory, new HostOwnership(_rig.World, "host-1"), new NoReturn());
        var setup = new MigrationSetup(StreamRig.Stream, "vm", 1, "host-0", "host-1", 0, [StreamRig.Ram], HostRig.PageSize);
        Assert.Equal(StreamStatus.Ok, await migration.PrepareAsync(_rig.Op(), setup));
        await body(migration, _rig.Op());
    });
}
