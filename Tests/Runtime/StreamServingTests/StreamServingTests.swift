// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
