using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Vms;

/// <summary>
/// Compares SPTEs with the host's page table (S1, S9, S12) while everything runs and without a lock: an SPTE that was there, the same
/// installation, before and after the host looked was there while it looked. If the host then found another page and no open range that
/// explains it, the SPTE is stale.
/// </summary>
public sealed class SpteAuditor(Vm vm)
{
    public const int SptesPerAuditMax = 4096;

    private Tracked<Gfn> _next = new(vm.World);

    /// <summary>Audits the next SPTEs, at most <see cref="SptesPerAuditMax"/>, and goes round; returns how many.</summary>
    public async ValueTask<int> AuditAsync(Operation op)
    {
        if (!vm.Users.TryGet(op, out var user)) return 0;
        var audited = new List<(Gfn Gfn, uint Installation)>();
        var sptes = new List<AuditedSpte>();
        Collect(audited, sptes);
        if (sptes.Count > 0)
        {
            var mismatches = await vm.Host.AuditAsync(op, sptes.ToArray());
            foreach (var index in mismatches) Judge(op, audited[index].Gfn, audited[index].Installation);
        }

        vm.Counters.Audits++;
        vm.Counters.AuditedSptes += sptes.Count;
        vm.Counters.ChecksEvaluated += sptes.Count;
        vm.Users.Put(op, user);
        return sptes.Count;
    }

    private void Collect(List<(Gfn Gfn, uint Installation)> audited, List<AuditedSpte> sptes)
    {
        var next = _next.Value;
        foreach (var page in vm.Sptes.Pages())
        {
            if (page.Start < next) continue;
            for (var gfn = page.Start; gfn < page.End; gfn += 1)
            {
                if (!vm.Sptes.TryGet(gfn, out var spte)) continue;
                audited.Add((gfn, spte.Installation));
                sptes.Add(new AuditedSpte(new Hva(spte.Hva), new Pfn(spte.Pfn), spte.IsWritable));
            }

            _next.Value = page.End;
            if (sptes.Count >= SptesPerAuditMax - page.Pages) return;
        }

        _next.Value = default;
    }

    private void Judge(Operation op, Gfn gfn, uint installation)
    {
        if (!vm.Sptes.TryGet(gfn, out var spte) || spte.Installation != installation) return;
        vm.Violated(
            Invariants.NoStaleTranslation, $"the SPTE at {gfn} maps a page that its address space does not map there (or not writable)",
            gfn, new Hva(spte.Hva), new Pfn(spte.Pfn), op.Id);
    }
}
