using Livebed.Grains.Contracts;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors.Migrations;

/// <summary>The destination's half of a migration, as a VM grain has it.</summary>
internal sealed class IncomingSide
{
    private readonly VmProcess _process;
    private readonly IncomingVm _vm;
    private readonly MigrationSetup _setup;
    private bool _isComplete;

    /// <param name="grains">the cluster</param>
    /// <param name="world">the grain's</param>
    /// <param name="process">the VM to be</param>
    /// <param name="setup">the migration</param>
    /// <param name="sourceKey">the VM's grain at the source</param>
    /// <param name="dropped">the VM will never be</param>
    public IncomingSide(IGrainFactory grains, IWorld world, VmProcess process, MigrationSetup setup, string sourceKey, Action dropped)
    {
        (_process, _setup) = (process, setup);
        _vm = new IncomingVm(process, dropped);
        Migration = new IncomingMigration(
            world, process.Message.Options.Name, new GrainStreamPort(process.Host, process.Message.AddressSpaceId, process.Key), _vm, new GrainInventory(grains),
            new GrainTenancy(process.Host, process.Message.HostKey), new GrainReturnPath(grains.GetGrain<IVmGrain>(sourceKey)));
    }

    public IncomingMigration Migration { get; }

    /// <summary>The VM in the inventory.</summary>
    public string Vm => _setup.Vm;

    /// <summary>Under which the VM runs; 0 before.</summary>
    public long Epoch => _vm.Epoch;

    public async ValueTask<StreamStatus> FinishAsync(Operation op)
    {
        var status = await Migration.FinishAsync(op);
        _isComplete |= status == StreamStatus.Ok;
        return status;
    }

    /// <summary>Before the VM dies: who waits for a page that is still at the source waits no more.</summary>
    public async ValueTask EndAsync()
    {
        if (!_isComplete) await _process.Host.EndIncomingAsync(_process.Message.AddressSpaceId, _setup.Stream);
    }
}
