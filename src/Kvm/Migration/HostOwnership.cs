using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>
/// One host's record: the VMs that it was granted, each with its epoch, and the latest term of an inventory. It is the host's half of
/// fencing: no VM runs here without an entry, and no grant of a replaced inventory makes one. Nor does an answer that arrives again, or
/// late: it replaces no newer one, and brings no VM back that has left.
/// </summary>
public sealed class HostOwnership(IWorld world, string host, Mutant? mutant = null) : IHostOwnership
{
    private readonly TrackedMap<string, long> _epochs = new(world, StringComparer.Ordinal);
    private readonly GoneVms _gone = new(world);
    private Tracked<long> _term = new(world);

    public string Host { get; } = host;

    /// <summary>Term of the latest inventory that has asked what this host owns; 0 for none.</summary>
    public long Term => _term.Value;

    /// <summary>Records an answer of the inventory.</summary>
    /// <returns>granted when it makes (or keeps) this host the VM's owner; lost when the inventory that gave it, grant or refusal, has been
    /// replaced: ask the next one</returns>
    public OwnershipStatus Record(string vm, in Ownership answer)
    {
        var isReplaced = answer.Term < _term.Value && mutant != Mutant.InventoryIgnoresTerms;
        if (answer.Status == OwnershipStatus.Lost || isReplaced) return OwnershipStatus.Lost;
        if (answer.Status != OwnershipStatus.Granted || answer.Host != Host) return OwnershipStatus.Refused;
        if (_gone.HasLeft(vm, answer.Epoch) && mutant != Mutant.LateRecordComesBack) return OwnershipStatus.Refused;
        if (_epochs.TryGetValue(vm, out var known) && known >= answer.Epoch && mutant != Mutant.OlderGrantRecorded)
            return known == answer.Epoch ? OwnershipStatus.Granted : OwnershipStatus.Refused;
        _epochs[vm] = answer.Epoch;
        return OwnershipStatus.Granted;
    }

    /// <summary>Deletes the record: the VM is on another host, or destroyed. A record of a later epoch stays: the VM has come back
    /// meanwhile.</summary>
    /// <param name="vm">the VM</param>
    /// <param name="epoch">the last one under which the VM that goes was here</param>
    public void Release(string vm, long epoch)
    {
        _gone.Add(vm, epoch);
        if (mutant != Mutant.ReleasesNewerRecord && _epochs.TryGetValue(vm, out var known) && known > epoch) return;
        _epochs.Remove(vm);
    }

    ValueTask<OwnershipStatus> IHostOwnership.RecordAsync(string vm, Ownership answer) => ValueTask.FromResult(Record(vm, answer));

    ValueTask IHostOwnership.ReleaseAsync(string vm, long epoch)
    {
        Release(vm, epoch);
        return ValueTask.CompletedTask;
    }

    /// <summary>Whether the VM may run here under that epoch.</summary>
    public bool Owns(string vm, long epoch) => _epochs.TryGetValue(vm, out var known) && known == epoch;

    /// <summary>A new inventory asks what this host owns; from here on only its answers are valid. Null when an inventory of this term or a
    /// later one has asked already. Two inventories that begin at the same time may choose the same term, and only one may have
    /// it.</summary>
    public IReadOnlyList<KeyValuePair<string, long>>? Report(long term)
    {
        if (term <= _term.Value) return null;
        _term.Value = term;
        return [.. _epochs.ToArray().OrderBy(entry => entry.Key, StringComparer.Ordinal)];
    }
}
