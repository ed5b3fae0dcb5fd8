using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds.Migrations;

/// <summary>A VM of the bed that comes from another host.</summary>
internal sealed class IncomingBedVm(Bed bed, BedVm vm) : IIncomingVm
{
    private bool _isLoaded;
    private bool _hasRun;

    public ValueTask<bool> TryCreateProcessAsync(Operation op)
    {
        vm.CreateProcess();
        return ValueTask.FromResult(true);
    }

    public async ValueTask LoadAsync(Operation op, DeviceState state)
    {
        vm.CreateVm();
        _isLoaded = true;
        await vm.RegisterAsync(op);
        foreach (var memslot in state.Memslots)
            if (await vm.Vm.MemslotUpdates.SetAsync(op, memslot) is not MemslotResult.Ok and var refusal)
                bed.World.Observer.Violated(
                    new Violation(Invariants.SameMemory, $"memslot {memslot.Id} could not be made at the destination: {refusal}", vm.Name));
        foreach (var vcpu in state.Vcpus) vm.Restore(vcpu);
    }

    public async ValueTask RunAsync(Operation op, long epoch)
    {
        _hasRun = true;
        vm.BecomeNewest();
        for (var index = 0; index < vm.Vcpus.Count; index++) await vm.StartVcpuAsync(index);
    }

    public async ValueTask DropAsync(Operation op)
    {
        if (_hasRun)
        {
            await vm.TearDownAsync(op, TeardownOrder.VmFirst);
            return;
        }

        foreach (var vcpu in _isLoaded ? vm.Vcpus : []) vcpu.Abort();
        if (_isLoaded) await vm.Vm.Teardown.DestroyAsync(op, sharesAddressSpace: false);
        await vm.ExitAsync(op);
    }
}
