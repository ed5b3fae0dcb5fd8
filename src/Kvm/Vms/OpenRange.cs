using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Vms;

/// <summary>A range between the call of its start and the return of its end, as <see cref="VmChecks"/> sees it: what of it may be mapped when.</summary>
internal sealed class OpenRange(HvaRange pages, OperationId operation)
{
    public HvaRange Pages { get; } = pages;
    public OperationId Operation { get; } = operation;
    public long SwapsAtStart { get; set; }

    /// <summary>Start has returned and end was not called: nothing of the range may be mapped.</summary>
    public bool IsProtecting { get; set; }

    /// <summary>Guest pages that start's zap has come to; empty again when end is called.</summary>
    public List<GfnRange> Zapping { get; } = [];

    public bool Protects(Gfn gfn, Hva hva)
    {
        if (!Pages.Contains(hva)) return false;
        if (IsProtecting) return true;
        foreach (var gfns in Zapping)
            if (gfns.Contains(gfn)) return true;
        return false;
    }
}
