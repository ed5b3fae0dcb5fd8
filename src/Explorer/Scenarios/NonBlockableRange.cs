namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: a range that may not sleep is refused or gets through, and every subscriber that had its start gets its end (S3, L1, L2). The OOM
/// reaper takes pages; a driver beside KVM refuses with -EAGAIN after KVM has counted the range (B1), a memslot update waits for it, and
/// guests fault on its pages (kvm-protocol 6.2).
/// </summary>
internal sealed class NonBlockableRange : Scenario
{
    public override string Name => "non-blockable-range";
    public override string Claim => "every subscriber that got a refused range's start gets its end";

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("driver", "1: a driver of the process refuses what may not sleep, 0: none does", 1, 0, 1),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { HasRefusingDriver = plan.Parameter("driver") == 1 };
        plan.Vcpu().Write(0).Read(1);
        plan.Actor("oom-reaper").OomReap(0, 2).OomReap(0);
        plan.Actor("mm").DontNeed(1);
        plan.Actor("user").Plug();
    }
}
