using Livebed.Driver.Campaigns;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running.Operations;

/// <summary>Memory hot-plug: creates, moves, re-flags and deletes the hot-plug memslot of a VM, one change at a time for each VM.</summary>
internal sealed class MemslotUpdateSource(Campaign campaign, Fleet fleet) : IOperationSource
{
    private readonly WeightedChoice<MemslotUpdateKind> _mix = new(
        Enum.GetValues<MemslotUpdateKind>()
            .Select(kind => (kind, campaign.MemslotUpdates.Mix.GetValueOrDefault(KebabCase.Of(kind)))));

    public string Name => "memslot-update";
    public double Rate => campaign.MemslotUpdates.Rate;

    public PreparedOperation? Prepare(SeededRandom random)
    {
        var slot = fleet.Take(random, candidate =>
        {
            if (candidate.MemslotBusy || candidate.Settings.HotplugPages == 0) return false;
            return candidate.MemslotBusy = true;
        });
        if (slot is null) return null;
        var kind = slot.HotplugPlugged ? KindOf(_mix.Draw(random)) : OperationKind.MemslotCreate;
        return new PreparedOperation(kind, op => RunAsync(slot, kind, op), () => fleet.Release(() => slot.MemslotBusy = false))
        {
            // Of a move where it goes.
            Subject = new(slot.Index, new GfnRange(GfnOf(slot, kind), slot.Settings.HotplugPages)),
        };
    }

    private static OperationKind KindOf(MemslotUpdateKind kind) => kind switch
    {
        MemslotUpdateKind.Move => OperationKind.MemslotMove,
        MemslotUpdateKind.Flags => OperationKind.MemslotFlags,
        _ => OperationKind.MemslotDelete,
    };

    private static Gfn GfnOf(VmSlot slot, OperationKind kind) => slot.HotplugMoved != (kind == OperationKind.MemslotMove)
        && kind != OperationKind.MemslotCreate ? VmLayout.HotplugGfnMoved : VmLayout.HotplugGfn;

    private async Task<OperationResult> RunAsync(VmSlot slot, OperationKind kind, OperationMessage op)
    {
        var moved = kind == OperationKind.MemslotMove ? !slot.HotplugMoved : slot.HotplugMoved;
        var logged = kind == OperationKind.MemslotFlags ? !slot.HotplugLogged : slot.HotplugLogged;
        if (kind == OperationKind.MemslotCreate || kind == OperationKind.MemslotDelete) (moved, logged) = (false, false);
        var change = new MemslotChange(
            VmLayout.HotplugSlotId,
            moved ? VmLayout.HotplugGfnMoved : VmLayout.HotplugGfn,
            kind == OperationKind.MemslotDelete ? 0 : slot.Settings.HotplugPages,
            VmLayout.HotplugHva,
            logged ? MemslotFlags.LogDirtyPages : MemslotFlags.None);
        var result = await slot.Grain.SetMemslotAsync(op, change);
        if (result == MemslotResult.Ok)
            fleet.Release(
                () => (slot.HotplugPlugged, slot.HotplugMoved, slot.HotplugLogged) = (kind != OperationKind.MemslotDelete, moved, logged));
        return OperationResult.Of(result == MemslotResult.Ok, $"{slot.Key} {change.BaseGfn}: {result}");
    }
}
