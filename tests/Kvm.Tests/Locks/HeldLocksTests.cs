using CsCheck;
using Livebed.Kvm.Locks;

namespace Livebed.Kvm.Tests.Locks;

/// <summary>Two words of bits are a set of (class, mode).</summary>
public sealed class HeldLocksTests
{
    [Fact]
    public void Bits_are_a_set_of_classes_and_modes()
    {
        var step = Gen.Select(Gen.Int[0, LockClass.Count - 1], Gen.Bool, Gen.Bool);
        step.Array[0, 40].Sample(steps =>
        {
            var held = default(HeldLocks);
            var reference = new HashSet<(LockClass, LockMode)>();
            foreach (var (index, write, add) in steps)
            {
                var entry = (Class: LockClass.ByIndex(index), Mode: write ? LockMode.Write : LockMode.Read);
                held = add ? held.With(entry.Class, entry.Mode) : held.Without(entry.Class, entry.Mode);
                if (add) reference.Add(entry);
                else reference.Remove(entry);
            }

            Assert.True(reference.SetEquals(held.Enumerate()));
            Assert.Equal(reference.Count == 0, held.IsEmpty);
            for (var index = 0; index < LockClass.Count; index++)
                Assert.Equal(reference.Any(entry => entry.Item1.Index == index), held.Holds(LockClass.ByIndex(index)));
        });
    }

    [Fact]
    public void They_are_named_for_people() =>
        Assert.Equal(
            "mmap_lock (r), slots_lock (w)",
            default(HeldLocks).With(LockClasses.SlotsLock, LockMode.Write).With(LockClasses.MmapLock, LockMode.Read).ToString());

    [Fact]
    public void A_class_has_one_bit_and_one_name()
    {
        var all = Enumerable.Range(0, LockClass.Count).Select(LockClass.ByIndex).ToList();
        Assert.Equal(Enumerable.Range(0, all.Count), all.Select(lockClass => lockClass.Index));
        Assert.Equal(all.Count, all.Select(lockClass => lockClass.Name).Distinct().Count());
        Assert.Throws<InvalidOperationException>(() => LockClass.Define("mmu_lock", maySleep: false));
    }
}
