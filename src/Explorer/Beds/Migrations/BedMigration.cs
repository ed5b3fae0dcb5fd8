using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Migration;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds.Migrations;

/// <summary>One migration of a VM between two hosts of the bed: two processes and the wire between them.</summary>
public sealed class BedMigration
{
    private readonly Bed _bed;
    private readonly BedVm _vm;
    private readonly BedWire _wire;
    private readonly MigrationSetup _setup;
    private readonly MigrationParameters _parameters;
    private Tracked<bool> _hasBegun;
    private Tracked<MigrationInfo?> _result;

    internal BedMigration(Bed bed, BedVm vm, MigrationParameters parameters, HostMmu to)
    {
        (_bed, _vm, _parameters) = (bed, vm, parameters);
        var place = new Place(bed.World);
        (_hasBegun, _result) = (new Tracked<bool>(place), new Tracked<MigrationInfo?>(place));
        BedWire? wire = null;
        Target = new BedVm(bed, vm, to, id => wire = new BedWire(bed, vm, to, id));
        _wire = wire!;
        _wire.Destination = Target.Process.Incoming!;

        // Where the push has a bandwidth of its own, pages that vCPUs wait for have another.
        if (parameters.MaxPostcopyBandwidth == 0)
            _wire.PostcopyBandwidth = Slower(bed.Options.LinkBandwidth, parameters.MaxBandwidth);
        _setup = new MigrationSetup(
            bed.NextStream(), vm.Name, 0, vm.Host.Name, to.Name, Target.AddressSpaceId,
            [new HvaRange(VmLayout.RamHva, bed.Options.RamPages), new HvaRange(VmLayout.HotplugHva, bed.Options.HotplugPages)],
            Bed.PageSize);
        vm.SendBy(_wire);
    }

    /// <summary>The VM's process at the source, which is told to cancel, to go over to post-copy, to recover.</summary>
    public VmProcess Process => _vm.Process;

    /// <summary>The host where the VM was.</summary>
    public HostMmu From => _vm.Host;

    /// <summary>The VM as the destination has it.</summary>
    public BedVm Target { get; }

    /// <summary>As its source has it now.</summary>
    public MigrationInfo Info => Result ?? (_hasBegun.Value ? Process.Info : null) ?? new MigrationInfo();

    public MigrationStatus Status => Info.Status;

    /// <summary>It has come to its end, whichever.</summary>
    public MigrationInfo? Result => _result.Value;

    /// <summary>The destination's side of it.</summary>
    public IncomingMigration Incoming => Target.Process.Incoming!.Migration;

    internal BedWire Wire => _wire;

    /// <summary>Pages that the guest lacks at the destination, where it runs, while it runs there ahead of them; null where it does
    /// not.</summary>
    public long? PagesMissing() => Incoming.Info.Status == MigrationStatus.PostcopyActive
        ? _setup.Blocks.Sum(block => Target.Host.Process(Target.AddressSpaceId).Missing(block).Count)
        : null;

    /// <summary>Migrates; see <see cref="VmProcess.MigrateAsync"/>.</summary>
    public async ValueTask<MigrationInfo> RunAsync(Operation op)
    {
        _hasBegun.Value = true;
        var info = await Process.MigrateAsync(op, _wire, _setup, _parameters);
        _result.Value = info;
        var world = _bed.World;

        // A guest that was lost here says so itself when it has gone, which may be later.
        if (_vm.Process.Incoming?.Migration.IsGuestLost == true) world.GuestLost(_vm.Name);
        if (world.RunsSomewhere.Ended(_vm.Name, Target.Host.Name, info, world.NowMicroseconds, allIsNoted: true) is { } violation)
            world.Observer.Violated(violation);
        return info;
    }

    /// <summary>0 is no bound.</summary>
    private static long Slower(long bandwidth, long other) => bandwidth == 0 || other == 0 ? bandwidth + other : Math.Min(bandwidth, other);
}
