namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: each page is mapped to its own frame with its own permission, and a range covers all of the pages that go (S9, S12, S10, S1).
/// Three guests read and then write one of three neighbouring pages each, so that the zero page is mapped read-only first, while the
/// process unmaps all three (kvm-protocol 6.1; B28, B36, B47).
/// </summary>
internal sealed class NeighbouringPages : Scenario
{
    public override string Name => "neighbouring-pages";
    public override string Claim => "neighbouring pages are mapped, made writable and unmapped each for itself";

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { RamPages = 3 };
        for (var page = 0; page < 3; page++) plan.Vcpu().Read(page).Write(page);
        plan.Actor("mm").Unmap(0, 3);
    }
}
