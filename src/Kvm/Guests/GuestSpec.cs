using System.Text.Json.Serialization;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Guests;

/// <summary>
/// What the guests of a VM do, as data: a recorded trace or a synthetic load, and what content they write. Immutable, so that one spec
/// serves every vCPU of every VM; <see cref="Create(ulong, int, int, int, Gfn, int, GuestState)"/> makes the program of one vCPU.
/// </summary>
/// <param name="ZeroPercent">share of pages that are always zero</param>
/// <param name="RepeatedPercent">share of pages with content that other VMs repeat, work for KSM</param>
/// <param name="Patterns">how many different repeated contents there are</param>
[JsonDerivedType(typeof(TraceGuestSpec), "trace")]
[JsonDerivedType(typeof(SyntheticGuestSpec), "synthetic")]
public abstract record GuestSpec(int ZeroPercent, int RepeatedPercent, int Patterns)
{
    /// <summary>Every page of the RAM is written once before the program begins, see <see cref="PopulatingGuest"/>.</summary>
    public bool Populate { get; init; }

    /// <summary>Guest pages that a VM with this many vCPUs needs from its RAM base on.</summary>
    /// <exception cref="TraceFormatException">The trace cannot be read.</exception>
    /// <exception cref="ArgumentException">A value of the spec is out of range.</exception>
    public abstract long PagesNeeded(int vcpus, int pageSize);

    /// <summary>Makes the program of one vCPU, from its beginning or where another one was saved. The same arguments make the same program,
    /// access by access.</summary>
    /// <exception cref="TraceFormatException">The trace cannot be read.</exception>
    /// <exception cref="ArgumentException">A value of the spec or an argument is out of range, or the state is none of such a
    /// program.</exception>
    public IPacedGuestProgram Create(ulong seed, int vmOrdinal, int vcpu, int vcpus, Gfn ramBase, int pageSize, GuestState? state = null)
    {
        // The limits are those of the unique tokens that PageContent makes of VM and vCPU.
        ArgumentOutOfRangeException.ThrowIfNegative(vmOrdinal);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(vmOrdinal, PageContent.MaxVms);
        CheckVcpus(vcpus);
        ArgumentOutOfRangeException.ThrowIfNegative(vcpu);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(vcpu, vcpus);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pageSize);
        Check();
        var place = new GuestPlace(seed, vcpu, vcpus, ramBase, pageSize);
        var content = new PageContent(seed, vmOrdinal, vcpu, ZeroPercent, RepeatedPercent, Patterns);
        var random = new SeededRandom(seed).Fork((ulong)(vmOrdinal * PageContent.MaxVcpus + vcpu));
        if (!Populate) return Create(place, content, random, state);
        if (state is null)
            return new PopulatingGuest(Create(place, content, random, state), content, place, PagesNeeded(vcpus, pageSize), state);
        var (program, populating) = PopulatingGuest.Split(state);
        return new PopulatingGuest(Create(place, content, random, program), content, place, PagesNeeded(vcpus, pageSize), populating);
    }

    protected abstract IPacedGuestProgram Create(GuestPlace place, PageContent content, SeededRandom random, GuestState? state);

    /// <summary>Throws when a value of the spec is out of range; overriding records add their own.</summary>
    protected virtual void Check()
    {
        CheckPercent(ZeroPercent, nameof(ZeroPercent), 100);
        CheckPercent(RepeatedPercent, nameof(RepeatedPercent), 100 - ZeroPercent);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Patterns);
    }

    protected static void CheckPercent(int percent, string name, int most)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(percent, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(percent, most, name);
    }

    protected static void CheckVcpus(int vcpus)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vcpus);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(vcpus, PageContent.MaxVcpus);
    }
}

/// <summary>Where a program runs: the <paramref name="Vcpu"/>th of <paramref name="Vcpus"/> of one VM, with memory from
/// <paramref name="RamBase"/> on. <paramref name="Seed"/> is the campaign's, the same for all VMs.</summary>
public readonly record struct GuestPlace(ulong Seed, int Vcpu, int Vcpus, Gfn RamBase, int PageSize);
