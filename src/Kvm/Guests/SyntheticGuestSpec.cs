using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Guests;

/// <summary>Synthetic guests in the words of the kernel's selftests, see <see cref="SyntheticGuest"/>.</summary>
/// <param name="BytesPerVcpu">dirty_log_perf_test -b: memory per vCPU, rounded up to whole pages</param>
/// <param name="WritePercent">dirty_log_perf_test -w: share of accesses that are writes</param>
/// <param name="RandomAccess">dirty_log_perf_test -a: random pages instead of one after the other</param>
/// <param name="Overlapping">dirty_log_perf_test -o: every vCPU accesses the whole VM's memory instead of a part of its own</param>
/// <param name="StridePages">only every this many pages is accessed</param>
/// <param name="AccessesPerSecond">per vCPU; 0 is as fast as possible</param>
/// <param name="ExtraRange">a second window that some accesses go to, such as a memslot that comes and goes</param>
/// <param name="ExtraPercent">share of accesses that go there</param>
/// <param name="ZeroPercent">see <see cref="GuestSpec"/></param>
/// <param name="RepeatedPercent">see <see cref="GuestSpec"/></param>
/// <param name="Patterns">see <see cref="GuestSpec"/></param>
public sealed record SyntheticGuestSpec(
    long BytesPerVcpu, int WritePercent = 100, bool RandomAccess = false, bool Overlapping = false, int StridePages = 1,
    int AccessesPerSecond = 0, GfnRange? ExtraRange = null, int ExtraPercent = 0,
    int ZeroPercent = 0, int RepeatedPercent = 0, int Patterns = 64)
    : GuestSpec(ZeroPercent, RepeatedPercent, Patterns)
{
    public override long PagesNeeded(int vcpus, int pageSize)
    {
        CheckVcpus(vcpus);
        return checked(vcpus * PagesPerVcpu(pageSize));
    }

    internal long PagesPerVcpu(int pageSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pageSize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(BytesPerVcpu);
        return (BytesPerVcpu - 1) / pageSize + 1;
    }

    protected override IPacedGuestProgram Create(GuestPlace place, PageContent content, SeededRandom random, GuestState? state) =>
        new SyntheticGuest(this, place, content, random, state);

    protected override void Check()
    {
        base.Check();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(BytesPerVcpu);
        CheckPercent(WritePercent, nameof(WritePercent), 100);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(StridePages);
        ArgumentOutOfRangeException.ThrowIfNegative(AccessesPerSecond);
        CheckPercent(ExtraPercent, nameof(ExtraPercent), 100);
        if (ExtraPercent > 0 && ExtraRange is null or { IsEmpty: true })
            throw new ArgumentException("accesses go to an extra range that is not there or empty", nameof(ExtraRange));
    }
}
