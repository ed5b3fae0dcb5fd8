using System.Globalization;
using System.Text;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Vms;

namespace Livebed.Explorer.Kernels;

/// <summary>
/// A script of ioctls, guest accesses and host memory events, one after the other, that plays on the model and on a real KVM. Its text is
/// what <see cref="ScriptReader"/> reads: header lines, then a step a line.
/// </summary>
/// <param name="Mode">how dirty pages are tracked; never None</param>
/// <param name="Backing">what memory the memslots lie on</param>
/// <param name="Vcpus">1 to 4</param>
/// <param name="Pages">pages of that memory, 1 to 4096</param>
/// <param name="Architecture">whose KVM it is</param>
/// <param name="Steps">in order</param>
public sealed record KernelScript(
    DirtyLogMode Mode, BackingKind Backing, int Vcpus, int Pages, KvmArchitecture Architecture, IReadOnlyList<KernelStep> Steps)
{
    public const int VcpusMax = 4;
    public const int PagesMax = 4096;

    /// <summary>Of a huge page of 2 MiB.</summary>
    public const int HugePages = 512;
    public const int StepsMax = 10_000;

    /// <summary>Entries of each vCPU's dirty ring.</summary>
    public const int RingEntries = 1024;

    /// <summary>The memslot of the machine itself, one page with the guest's own code, and where it lies.</summary>
    public const int CodeSlotId = 32762;
    public const long CodeGfn = 0xfff00;

    /// <summary>Guest accesses go below this page: code of 32 bits makes them.</summary>
    public const long AccessGfnMax = 0xeffff;

    /// <summary>The name of the <see cref="Normaliser"/> that a KVM of its flavour needs for this script; null for none in
    /// particular.</summary>
    public string? Shows { get; init; }

    public string ToText()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"mode: {ScriptWords.Of(Mode)}\n");
        if (Backing != BackingKind.Private) text.Append(CultureInfo.InvariantCulture, $"backing: {ScriptWords.Of(Backing)}\n");
        if (Vcpus != 1) text.Append(CultureInfo.InvariantCulture, $"vcpus: {Vcpus}\n");
        if (Pages != ScriptReader.PagesByDefault) text.Append(CultureInfo.InvariantCulture, $"pages: {Pages}\n");
        if (Architecture != KvmArchitecture.X86)
            text.Append(CultureInfo.InvariantCulture, $"architecture: {ScriptWords.Of(Architecture)}\n");
        if (Shows is not null) text.Append(CultureInfo.InvariantCulture, $"shows: {Shows}\n");
        foreach (var step in Steps) text.Append(step).Append('\n');
        return text.ToString();
    }
}

/// <summary>What memory the memslots of a script lie on.</summary>
public enum BackingKind
{
    /// <summary>Private anonymous pages of 4 KiB.</summary>
    Private,

    /// <summary>Pages of a file in memory, mapped shared: their content outlives their mapping.</summary>
    Shared,

    /// <summary>The same, of huge pages: KVM maps one by one SPTE where the memslot lies as the memory does, and splits that for a
    /// log. Only whole huge pages are taken, mapped and protected.</summary>
    Hugetlb,
}

/// <summary>What a step does.</summary>
public enum KernelVerb
{
    Set,
    Get,
    Clear,
    Reset,
    Write,
    Read,
    UserWrite,
    DontNeed,
    Unmap,
    Map,
    Remap,
    Protect,
    Fork,
    Merge,
}

/// <summary>One step; which of its fields count is in <see cref="StepGrammar"/>.</summary>
public sealed record KernelStep(KernelVerb Verb)
{
    public int Slot { get; init; }

    /// <summary>Guest page.</summary>
    public long Gfn { get; init; }

    public long Pages { get; init; }

    /// <summary>Page of the memory that memslots lie on.</summary>
    public long At { get; init; }

    /// <summary>Where pages go, as <see cref="At"/>.</summary>
    public long To { get; init; }

    /// <summary>First page of the slot.</summary>
    public long First { get; init; }

    /// <summary>Pages of the slot, as runs; null for all of the named ones.</summary>
    public PageRuns? Bits { get; init; }

    public int Vcpu { get; init; }

    public uint Value { get; init; }

    public bool Logs { get; init; }

    public bool IsReadOnly { get; init; }

    public bool IsWritable { get; init; }

    /// <summary>The answer that it must get; null for any.</summary>
    public string? Expected { get; init; }

    /// <summary>In the file, from 1 on; 0 for one that was drawn.</summary>
    public int Line { get; init; }

    /// <summary>It makes, changes or removes a memslot.</summary>
    public bool IsUpdate => Verb == KernelVerb.Set;

    public override string ToString() => StepGrammar.ToText(this);
}

/// <summary>Words of the text for values of enums.</summary>
public static class ScriptWords
{
    public static IReadOnlyList<DirtyLogMode> Modes { get; } =
        [DirtyLogMode.Bitmap, DirtyLogMode.Manual, DirtyLogMode.InitiallySet, DirtyLogMode.Ring];

    /// <summary>"initially-set".</summary>
    public static string Of<T>(T value) where T : struct, Enum => KebabCase.Of(value.ToString());

    /// <summary>The verb is one word where its name is the system call's.</summary>
    public static string Of(KernelVerb verb) => verb == KernelVerb.DontNeed ? "dontneed" : Of<KernelVerb>(verb);
}
