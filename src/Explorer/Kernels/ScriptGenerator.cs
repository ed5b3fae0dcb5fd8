using Livebed.Kvm.Memslots;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Kernels;

/// <summary>
/// Draws scripts. Few memslots, few frames, and half of the updates change what is there: two defects of the model were found by a move
/// of a memslot with its log on, and by its creation so, and a generator that makes new memslots all the time finds neither. A twentieth of
/// the updates and clears are such as a kernel must refuse.
/// </summary>
/// <param name="mode">of all of them</param>
/// <param name="hasMerging">whether pages may be merged: a real kernel must have KSM on</param>
/// <param name="backing">of all of them; null for private memory, and a fifth of the scripts on a file</param>
public sealed class ScriptGenerator(DirtyLogMode mode, bool hasMerging = true, BackingKind? backing = null)
{
    /// <summary>Steps of a script, unless it is asked for fewer or more.</summary>
    public const int StepsByDefault = 40;

    private static readonly long[] _gfns = [0, 1, 8, 16, 64, 100, 128, 200, 256];
    private static readonly long[] _sizes = [1, 2, 4, 8, 16, 63, 64, 65, 70, 130];
    private static readonly long[] _places = [0, 1, 8, 32, 64, 100];
    private static readonly int[] _ids = [0, 1, 2, 5];

    /// <summary>On huge pages: memslots that lie as the memory does, and others, which KVM maps by small pages.</summary>
    private const int HugeMemory = 4 * KernelScript.HugePages;
    private static readonly long[] _hugeGfns = [0, 512, 1024, 2048, 4096, 8, 100, 2560, 3072];
    private static readonly long[] _hugeSizes = [1, 64, 130, 511, 512, 513, 600, 1000];
    private static readonly long[] _hugePlaces = [0, 512, 1024, 0, 512, 8];

    /// <summary>Ids and addresses at the limits: the last that is allowed, and the first that is not.</summary>
    private static readonly int[] _edgeIds = [32763, 32764, 32767, 65535];
    private static readonly long[] _edgeGfns = [1L << 23, 1L << 40, (1L << 52) - 1];

    /// <summary>The script of a seed.</summary>
    /// <param name="seed">decides all of it</param>
    /// <param name="steps">1 to <see cref="KernelScript.StepsMax"/></param>
    public KernelScript Draw(ulong seed, int steps = StepsByDefault)
    {
        var random = new SeededRandom(SeededRandom.Mix(seed));
        var vcpus = random.Chance(0.3) ? 2 : 1;
        var drawnBacking = random.Chance(0.2) ? BackingKind.Shared : BackingKind.Private;
        var draft = new Draft(random, mode, backing ?? drawnBacking, vcpus, hasMerging);
        var drawn = new List<KernelStep> { draft.Create() };
        while (drawn.Count < steps) drawn.Add(draft.Next());
        var pages = backing == BackingKind.Hugetlb ? HugeMemory : ScriptReader.PagesByDefault;
        return new KernelScript(mode, backing ?? drawnBacking, vcpus, pages, KvmArchitecture.X86, drawn);
    }

    /// <summary>A script as far as it is drawn, and which memslots it has if none was refused.</summary>
    private sealed class Draft(SeededRandom random, DirtyLogMode mode, BackingKind backing, int vcpus, bool hasMerging)
    {
        private readonly SortedDictionary<int, KernelStep> _slots = [];
        private uint _written;

        private bool IsHuge => backing == BackingKind.Hugetlb;

        private IReadOnlyList<long> Gfns => IsHuge ? _hugeGfns : _gfns;

        private IReadOnlyList<long> Places => IsHuge ? _hugePlaces : _places;

        public KernelStep Next() => random.Next(100) switch
        {
            < 24 => Update(),
            < 50 => Access(KernelVerb.Write),
            < 60 => Access(KernelVerb.Read),
            < 76 => Log(),
            < 81 => new KernelStep(KernelVerb.UserWrite) { At = AnyPage(), Value = ++_written },
            _ => HostEvent(),
        };

        private KernelStep Update()
        {
            if (random.Chance(0.05)) return Odd();
            return _slots.Count > 0 && random.Chance(0.5) ? Change() : Create();
        }

        public KernelStep Create()
        {
            var free = _ids.Where(id => !_slots.ContainsKey(id)).ToList();
            if (free.Count == 0) return Change();
            var step = new KernelStep(KernelVerb.Set)
            {
                Slot = Pick(free),
                Gfn = Pick(Gfns),
                Pages = Pick(IsHuge ? _hugeSizes : _sizes),
                At = Pick(Places),
                Logs = random.Chance(0.6),
                IsReadOnly = random.Chance(0.1),
            };
            return Done(step);
        }

        private KernelStep Change()
        {
            var step = _slots.ElementAt(random.Next(_slots.Count)).Value;
            return random.Next(10) switch
            {
                < 4 => Done(step with { Gfn = Pick(Gfns) }),
                < 7 => Done(step with { Logs = !step.Logs }),
                7 => Done(step with { Gfn = Pick(Gfns), Logs = !step.Logs }),
                8 => Done(step with { Pages = 0 }),
                _ => random.Next(3) switch
                {
                    0 => step with { Pages = step.Pages + 1 },
                    1 => step with { At = step.At + 1 },
                    _ => step with { IsReadOnly = !step.IsReadOnly },
                },
            };
        }

        /// <summary>An update at a limit, or behind it.</summary>
        private KernelStep Odd() => random.Next(4) switch
        {
            0 => new KernelStep(KernelVerb.Set) { Slot = Pick(_edgeIds), Gfn = 512, Pages = random.Next(2) },
            1 => new KernelStep(KernelVerb.Set) { Slot = 7, Gfn = Pick(_edgeGfns), Pages = 1 },
            2 => new KernelStep(KernelVerb.Set) { Slot = 7, Gfn = 512, Pages = StepGrammar.SlotPagesMax + 1 },
            _ => new KernelStep(KernelVerb.Set) { Slot = Pick(_ids), Gfn = Pick(_gfns), Pages = 0 },
        };

        /// <summary>Keeps the books, as far as nothing is refused.</summary>
        private KernelStep Done(KernelStep step)
        {
            if (step.Pages == 0) _slots.Remove(step.Slot);
            else if (!_slots.Any(other => other.Key != step.Slot && Overlap(other.Value, step))) _slots[step.Slot] = step;
            return step;
        }

        private KernelStep Access(KernelVerb verb)
        {
            var step = new KernelStep(verb) { Vcpu = random.Next(vcpus), Gfn = 300 };
            if (_slots.Count > 0 && random.Chance(0.95))
            {
                var slot = _slots.ElementAt(random.Next(_slots.Count)).Value;
                // The first pages and the last: few, so that the same ones come again.
                var page = random.Chance(0.8)
                    ? random.Next(Math.Min(3, slot.Pages))
                    : slot.Pages - 1 - random.Next(Math.Min(2, slot.Pages));
                step = step with { Gfn = slot.Gfn + page };
            }

            return verb == KernelVerb.Write ? step with { Value = ++_written } : step;
        }

        private KernelStep Log()
        {
            if (mode == DirtyLogMode.Ring && random.Chance(0.9)) return new KernelStep(KernelVerb.Reset);
            var id = _slots.Count > 0 && random.Chance(0.95) ? _slots.ElementAt(random.Next(_slots.Count)).Key : Pick(_ids);
            var clears = random.Chance(mode is DirtyLogMode.Manual or DirtyLogMode.InitiallySet ? 0.5 : 0.1);
            if (!clears) return new KernelStep(KernelVerb.Get) { Slot = random.Chance(0.01) ? 32764 : id };
            var pages = _slots.TryGetValue(id, out var slot) ? slot.Pages : 64;
            var first = random.Chance(0.7) ? 0 : random.Chance(0.5) ? 64 : 1 + random.Next(130);
            return new KernelStep(KernelVerb.Clear)
            {
                Slot = id,
                First = first,
                Pages = random.Chance(0.7) ? Math.Max(0, pages - first) : random.Chance(0.7) ? 64 : random.Next(140),
                Bits = random.Chance(0.5) ? null : new PageRuns(Enumerable.Range(0, 3).Select(_ => random.Next(pages)).ToList()),
            };
        }

        private KernelStep HostEvent()
        {
            var isFile = backing != BackingKind.Private;
            var step = new KernelStep(KernelVerb.DontNeed) { At = AnyPage(), Pages = 1 + random.Next(4) };
            if (IsHuge) step = step with { At = step.At - step.At % KernelScript.HugePages, Pages = KernelScript.HugePages };
            return random.Next(hasMerging ? 20 : 18) switch
            {
                < 6 => step,
                < 9 => step with { Verb = KernelVerb.Unmap },
                < 12 => step with { Verb = KernelVerb.Map },
                < 14 => step with { Verb = KernelVerb.Protect, IsWritable = random.Chance(0.5) },
                < 16 => isFile ? step : step with { Verb = KernelVerb.Remap, To = step.At + step.Pages + random.Next(40) },
                < 18 => new KernelStep(KernelVerb.Fork),
                _ => new KernelStep(KernelVerb.Merge),
            };
        }

        /// <summary>A page of memory that is often a memslot's.</summary>
        private long AnyPage() => Pick(Places) + random.Next(3);

        private T Pick<T>(IReadOnlyList<T> all) => all[random.Next(all.Count)];

        private static bool Overlap(KernelStep one, KernelStep other) =>
            one.Gfn < other.Gfn + other.Pages && other.Gfn < one.Gfn + one.Pages;
    }
}
