using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Vms;

namespace Livebed.Grains.Tests.Actors;

/// <summary>What a test wants of its VM.</summary>
internal sealed record VmPlan(
    DirtyLogMode DirtyLog = DirtyLogMode.None, string Protocol = ProtocolCatalog.ActiveCount, int Vcpus = VmPlan.DefaultVcpus,
    int PagesPerVcpu = 32, int RepeatedPercent = 0,
    int AccessesPerSecond = 5_000, Mutant? Mutant = null, int IdlePages = 0, long LinkBandwidth = 0, bool StartsStopped = false)
{
    public const int DefaultVcpus = 2;
    public const int Memslots = 2;
    public const int HotplugPages = 16;

    /// <summary><see cref="IdlePages"/> of them no guest ever touches.</summary>
    public long RamPages => ((long)Vcpus * PagesPerVcpu) + IdlePages;
}
