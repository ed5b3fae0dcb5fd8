using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scheduling;

/// <summary>Remembers violations, not more than anybody reads, and tells the world of each.</summary>
internal sealed class VirtualObserver(Action violated) : NullObserver
{
    private const int ViolationsKept = 64;

    public override void Violated(Violation violation)
    {
        if (Violations.Count < ViolationsKept) base.Violated(violation);
        violated();
    }
}
