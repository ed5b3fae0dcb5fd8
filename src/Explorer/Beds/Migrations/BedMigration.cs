using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds.Migrations;

/// <summary>One migration of a VM between two hosts of the bed, wired as the grains wire it.</summary>
public sealed class BedMigration
{
    private readonly Bed _bed;
    private readonly BedVm _vm;
    private readonly BedWire _wire;
    private readonly Place _place;
    private readonly IncomingMigration _incoming;
    private readonly MigrationSetup _setup;

    internal BedMigration(Bed bed, BedVm vm, BedInventory inventory, MigrationParameters parameters, long epoch, HostMmu to)
    {
        (_bed, _vm, _place) = (bed, vm, new Place(bed.World));
        Target = new BedVm(bed, vm, to);
        var setup = _setup = new MigrationSetup(
            bed.NextStream(), vm.Name, epoch, vm.Host.Name, to.Name, vm.AddressSpaceId, Target.AddressSpaceId,
            [new HvaRange(VmLayout.RamHva, bed.Options.RamPages), new HvaRange(VmLayout.HotplugHva, bed.Options.HotplugPages)],
            Bed.PageSize);
        _wire = new BedWire(bed, vm.Host, to, Target.AddressSpaceId);
        Inventory = inventory;
        Source = new MigrationSource(
            vm.Vm, new OperationIds(OperationId.OriginOf(vm.Vm.Options.Ordinal, OperationId.OfMigration)),
            new StreamPort(vm.Host, vm.AddressSpaceId, (_, _) => _wire), _wire, inventory,
            bed.OwnershipOf(vm.Host), setup, parameters);
        _incoming = new IncomingMigration(
            bed.World, Target.Name, new StreamPort(to, Target.AddressSpaceId, (_, _) => _wire), new IncomingBedVm(bed, Target), inventory,
            bed.OwnershipOf(to), _wire);
        (_wire.Destination, _wire.Source) = (_incoming, Source);
        if (bed.Options.MachinesDie)
            _wire.SourceWatch = () => SourceWatch.RunAsync(bed, vm.Name, bed.MachineOf(vm.Host), _incoming, () => Result is null);
    }

    public MigrationSource Source { get; }

    /// <summary>The host where the VM was.</summary>
    public HostMmu From => _vm.Host;

    /// <summary>The VM as the destination has it.</summary>
    public BedVm Target { get; }

    internal BedInventory Inventory { get; }

    /// <summary>It has come to its end, whichever.</summary>
    public MigrationInfo? Result
    {
        get
        {
            _place.Reads();
            return field;
        }

        private set
        {
            _place.Writes();
            field = value;
        }
    }

    /// <summary>The destination's side of it.</summary>
    public IncomingMigration Incoming => _incoming;

    internal BedWire Wire => _wire;

    /// <summary>Pages that the guest lacks at the destination, where it runs, while it runs there ahead of them; null where it does
    /// not.</summary>
    public long? PagesMissing() => _incoming.Info.Status == MigrationStatus.PostcopyActive
        ? _setup.Blocks.Sum(block => Target.Host.Streams.Missing(Target.AddressSpaceId, block).Count)
        : null;

    /// <summary>Migrates; when the VM is the destination's, or was and is lost, what is left of it at the source goes.</summary>
    public async ValueTask<MigrationInfo> RunAsync(Operation op)
    {
        _vm.Migration = this;
        Result = await Source.RunAsync(op);
        _vm.Migration = null;
        var world = _bed.World;
        if (world.RunsSomewhere.Ended(_vm.Name, Target.Host.Name, Result, world.NowMicroseconds, allIsNoted: true) is { } violation)
            world.Observer.Violated(violation);
        if (!Result.IsHandedOver) return Result;
        await _vm.TearDownAsync(_bed.NewOperation(OperationKind.VmDestroy), TeardownOrder.VmFirst);
        if (await new StreamPort(_vm.Host, _vm.AddressSpaceId, (_, _) => _wire).PagesHeldAsync(op) is var held and > 0)
            world.Observer.Violated(new Violation(
                Invariants.SourceRestored, $"{held} pages of {_vm.Name} are left at {_vm.Host.Name} after it has moved", _vm.Name));
        return Result;
    }
}
