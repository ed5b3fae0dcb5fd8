using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Paging;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors.Migrations;

/// <summary>The VM of a grain whose memory comes from another host.</summary>
/// <param name="process">its process</param>
/// <param name="drop">takes the process down, and with it the grain</param>
internal sealed class IncomingVm(VmProcess process, Func<Operation, ValueTask> drop) : IIncomingVm
{
    private IReadOnlyList<VcpuState> _states = [];

    /// <summary>Under which it runs; 0 before.</summary>
    public long Epoch { get; private set; }

    public ValueTask<bool> TryCreateProcessAsync(Operation op) => process.TryCreateAsync(op);

    public async ValueTask LoadAsync(Operation op, DeviceState state)
    {
        var vm = await process.CreateVmAsync(op);
        foreach (var memslot in state.Memslots)
            if (await vm.MemslotUpdates.SetAsync(op, memslot) is not MemslotResult.Ok and var refusal)
                vm.Violated(
                    Invariants.SameMemory, $"memslot {memslot.Id} could not be made at the destination: {refusal}", operations: op.Id);
        _states = state.Vcpus;
    }

    public async ValueTask RunAsync(Operation op, long epoch)
    {
        Epoch = epoch;
        await process.StartVcpusAsync(_states);
        _states = [];
    }

    public ValueTask DropAsync(Operation op) => drop(op);
}
