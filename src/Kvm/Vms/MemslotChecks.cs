using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Vms;

/// <summary>
/// What user space has asked for, slot by slot, in books of its own, and the check that both memslot sets say the same when an update is
/// over. An update that changes one set only shows when the next one publishes the other.
/// </summary>
public sealed class MemslotChecks
{
    private readonly Vm _vm;
    private readonly TrackedList<MemslotChange> _asked;
    private Tracked<ulong> _generation;

    internal MemslotChecks(Vm vm)
    {
        (_vm, _asked) = (vm, new TrackedList<MemslotChange>(vm.World));
        _generation = new Tracked<ulong>(vm.World, vm.Memslots.Generation);
    }

    /// <summary>User space's request was carried out; the caller holds slots_lock.</summary>
    public void Updated(Operation op, MemslotChange change)
    {
        var isKnown = TryFind(change.Id, out var index);
        if (change.Pages == 0 && isKnown) _asked.RemoveAt(index);
        else if (isKnown) _asked[index] = change;
        else if (change.Pages > 0) _asked.Add(change);
        CheckGeneration(op);
        Compare(op, _vm.Memslots.Active, "published");
        Compare(op, _vm.Memslots.Inactive, "kept for the next update");
    }

    /// <summary>MMIO SPTEs and cached translations go by the generation: a new one for each update, and final when that is over.</summary>
    private void CheckGeneration(Operation op)
    {
        _vm.Counters.ChecksEvaluated++;
        var (before, now) = (_generation.Value, _vm.Memslots.Generation);
        _generation.Value = now;
        if (now <= before || (now & MemslotSets.UpdateInProgress) != 0)
            _vm.Violated(
                Invariants.MemslotsAsAsked, $"a memslot update is over, and the generation, which was 0x{before:x}, is 0x{now:x}",
                operations: op.Id);
    }

    private void Compare(Operation op, MemslotSet set, string what)
    {
        _vm.Counters.ChecksEvaluated++;
        Memslot? before = null;
        foreach (var slot in set.Slots)
        {
            if (!TryFind(slot.Id, out var index)) Violated(op, slot, $"{Text(slot)} is {what}, and is not asked for");
            else if (!IsAsAsked(slot, _asked[index])) Violated(op, slot, $"{Text(slot)} is {what}; asked for is {Text(_asked[index])}");
            else if (before is not null && before.Gfns.Overlaps(slot.Gfns))
                Violated(op, slot, $"{Text(slot)} and {Text(before)} are {what}, and overlap");
            before = slot;
        }

        if (set.Slots.Length == _asked.Count) return;
        foreach (var asked in _asked)
            if (set.ById(asked.Id) is null)
                _vm.Violated(Invariants.MemslotsAsAsked, $"{Text(asked)} is asked for, and is not {what}", operations: op.Id);
    }

    private bool TryFind(int id, out int index)
    {
        for (index = 0; index < _asked.Count; index++)
            if (_asked[index].Id == id) return true;
        return false;
    }

    private void Violated(Operation op, Memslot slot, string message) =>
        _vm.Violated(Invariants.MemslotsAsAsked, message, slot.BaseGfn, slot.BaseHva, operations: op.Id);

    private static bool IsAsAsked(Memslot slot, MemslotChange asked) =>
        slot.BaseGfn == asked.BaseGfn && slot.Pages == asked.Pages && slot.BaseHva == asked.BaseHva && slot.Flags == asked.Flags;

    private static string Text(Memslot slot) =>
        Text(new MemslotChange(slot.Id, slot.BaseGfn, slot.Pages, slot.BaseHva, slot.Flags));

    private static string Text(MemslotChange slot) =>
        $"memslot {slot.Id} of {new GfnRange(slot.BaseGfn, slot.Pages)} at {slot.BaseHva} ({slot.Flags})";
}
