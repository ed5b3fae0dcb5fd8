using Livebed.Explorer.Beds;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>Where one schedule of a plan is played: the bed, its VM, and what actors share.</summary>
public sealed class Stage(Bed bed)
{
    // Made for the first who holds a range.
    private Dictionary<string, Operation>? _held;
    private readonly Place _state = new(bed.World);
    private ulong _tokens;

    public Bed Bed { get; } = bed;

    /// <summary>The scenario's first VM.</summary>
    public BedVm Vm => Bed.Vms[0];

    public IReadOnlyList<int> RamSlots => [.. Enumerable.Range(0, Bed.Options.RamSlots)];

    /// <summary>A value that nobody has written yet.</summary>
    public ulong NextToken()
    {
        _state.Writes();
        return ++_tokens;
    }

    /// <summary>An ioctl on the VM: refused when it is closing, waited for by its end.</summary>
    public ValueTask CommandAsync(Func<BedVm, ValueTask> command) => Vm.CommandAsync(() => command(Vm));

    /// <summary>Every RAM page mapped writable, as in a guest that has run for a while.</summary>
    public async ValueTask TouchRamAsync()
    {
        for (var page = 0; page < Bed.Options.RamPages; page++) await Vm.TouchAsync(BedVm.RamGfn(page), write: true);
    }

    public ValueTask PlugAsync() => CommandAsync(async vm => await vm.PlugAsync(Bed.NewOperation(OperationKind.MemslotCreate)));

    public ValueTask EnableLogAsync() =>
        CommandAsync(async vm => await vm.Session.EnableAsync(Bed.NewOperation(OperationKind.DirtyLogEnable), RamSlots));

    public ValueTask VerifyLogAsync() =>
        CommandAsync(async vm => await vm.Session.VerifyAsync(Bed.NewOperation(OperationKind.DirtyLogVerify)));

    /// <summary>Takes away whatever of range, VM and process the actors have left, so that a plan may be played without any of them.</summary>
    public async ValueTask EndAsync(TeardownOrder order)
    {
        if (_held is not null)
            foreach (var held in _held.Values) await Bed.Host.CloseRangeAsync(held);
        await Vm.TearDownAsync(Bed.NewOperation(OperationKind.VmDestroy), order);
    }

    /// <summary>The operation by which an actor holds its range open; made at its first use.</summary>
    public Operation HeldBy(string actor)
    {
        _state.Writes();
        _held ??= [];
        if (!_held.TryGetValue(actor, out var op)) _held[actor] = op = Bed.NewOperation(OperationKind.HeldRange);
        return op;
    }
}
